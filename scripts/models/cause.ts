import { connect } from "node:net";
import type { ProviderReport } from "./report.ts";

/** Whether something on this host accepts connections there. */
export type Reach = (host: string, port: number) => Promise<boolean>;

/** A provider's problem as a sentence, and what to do about it. */
export interface Diagnosis {
  readonly sentence: string;
  readonly fix: string;
}

/**
 * Says why a provider gave nothing. For a server on this host it looks from here too: what answers here and not to containers
 * listens on the wrong address, or a firewall is between the two.
 *
 * @param subnet of the network that Letta is on
 */
export async function diagnose(provider: ProviderReport, subnet: string, reach: Reach = accepts): Promise<Diagnosis> {
  const { name, url, problem } = provider;
  if (problem === null) throw new Error(`${name} has no problem`);
  const { hostname, port } = placeOf(url);
  const isThisHost = hostname === "host.docker.internal";
  const answersHere = isThisHost && (await reach("127.0.0.1", port));
  const where = `${hostname}:${port}`;
  switch (problem.cause) {
    case "unresolved":
      return { sentence: `the name ${hostname} is unknown inside the container`, fix: `check models.${name}.url` };
    case "refused":
      return answersHere
        ? {
            sentence: `it listens on 127.0.0.1 only, where no container reaches it`,
            fix: `make it listen on 0.0.0.0 (Ollama: OLLAMA_HOST=0.0.0.0), port ${port}`,
          }
        : { sentence: `nothing listens at ${where}`, fix: isThisHost ? "start it" : `check models.${name}.url` };
    case "unreachable":
      return answersHere
        ? {
            sentence: `a firewall on this host keeps containers from port ${port}`,
            fix: `allow it, for example: sudo ufw allow from ${subnet} to any port ${port} proto tcp`,
          }
        : { sentence: `${where} does not answer: a firewall, or no route`, fix: `check models.${name}.url` };
    case "unauthorized":
      return {
        sentence: "it refuses the key",
        fix: `pulumi config set --secret --path 'thoth-letta:models.${name}.key'`,
      };
    case "empty":
      return {
        sentence: "it answers, but has no model that Letta can use: chats need one that can call tools",
        fix: "load a model there, for example: ollama pull qwen3:4b",
      };
    case "not-installed":
      return { sentence: `this Letta image lacks what it needs (${problem.detail})`, fix: "use an image that has it" };
    case "failed":
      return { sentence: problem.detail, fix: "make letta-logs" };
  }
}

function placeOf(url: string | null): { hostname: string; port: number } {
  if (url === null) return { hostname: "its service", port: 443 };
  const { hostname, port, protocol } = new URL(url);
  return { hostname, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
}

function accepts(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 1000 });
    const end = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket
      .once("connect", () => end(true))
      .once("timeout", () => end(false))
      .once("error", () => end(false));
  });
}
