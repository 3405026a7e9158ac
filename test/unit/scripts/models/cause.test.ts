import { expect, test } from "vitest";
import { diagnose, type Reach } from "../../../../scripts/models/cause.ts";
import type { Cause } from "../../../../scripts/models/report.ts";

const url = "http://host.docker.internal:11434/v1";
const explain = async (cause: Cause, address: string | null = url, answersHere = false) => {
  const asked: string[] = [];
  const reach: Reach = async (host, port) => {
    asked.push(`${host}:${port}`);
    return answersHere;
  };
  const problem = { cause, detail: "the detail" };
  const provider = { name: "ollama", kind: "ollama", url: address, models: [], embeddings: [], problem };
  const { sentence, fix } = await diagnose(provider, "172.22.0.0/16", reach);
  return { asked, text: `${sentence} -> ${fix}` };
};

test.each<[Cause, string | null, boolean, string]>([
  ["refused", url, false, "nothing listens at host.docker.internal:11434 -> start it"],
  [
    "refused",
    url,
    true,
    "it listens on 127.0.0.1 only, where no container reaches it -> make it listen on 0.0.0.0 (Ollama: OLLAMA_HOST=0.0.0.0), port 11434",
  ],
  ["refused", "http://gpu:8000/v1", false, "nothing listens at gpu:8000 -> check models.ollama.url"],
  [
    "unreachable",
    url,
    true,
    "a firewall on this host keeps containers from port 11434 -> allow it, for example: sudo ufw allow from 172.22.0.0/16 to any port 11434 proto tcp",
  ],
  [
    "unreachable",
    "https://gpu/v1",
    false,
    "gpu:443 does not answer: a firewall, or no route -> check models.ollama.url",
  ],
  [
    "unresolved",
    "http://gpu:8000/v1",
    false,
    "the name gpu is unknown inside the container -> check models.ollama.url",
  ],
  [
    "unauthorized",
    null,
    false,
    "it refuses the key -> pulumi config set --secret --path 'thoth-letta:models.ollama.key'",
  ],
  ["failed", url, false, "the detail -> make letta-logs"],
])("%s at %s, answering on this host: %s", async (cause, address, answersHere, expected) => {
  expect((await explain(cause, address, answersHere)).text).toBe(expected);
});

test("only a server on this host is looked for from here", async () => {
  expect((await explain("refused")).asked).toEqual(["127.0.0.1:11434"]);
  expect((await explain("refused", "http://gpu:8000")).asked).toEqual([]);
});
