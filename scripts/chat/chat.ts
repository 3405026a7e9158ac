import { createInterface } from "node:readline";
import type Letta from "@letta-ai/letta-client";
import { UserError } from "../../infra/lib/errors.ts";
import type { Deps } from "../lib/deps.ts";
import { readLetta, required } from "../lib/stacks.ts";
import { readModels } from "../models/report.ts";
import { openAgent } from "./agent.ts";

export interface ChatOptions {
  readonly lettaStack: string;
  /** Default: the first one. */
  readonly project?: string | undefined;
  readonly agent: string;
  /** Handle. Default: the agent's, and of a new one the server's default. */
  readonly model?: string | undefined;
}

/** Sends each line of standard input to an agent, and prints its answer as it comes. */
export async function chat({ lettaStack, project, agent, model }: ChatOptions, deps: Deps): Promise<number> {
  const letta = required(await readLetta(deps, lettaStack), lettaStack, "make letta-start");
  const name = project ?? Object.keys(letta.projects)[0] ?? "";
  const owner = letta.projects[name];
  if (owner === undefined) {
    throw new UserError(
      `there is no project "${name}"; there are ${Object.keys(letta.projects).join(", ")}`,
      "make projects",
    );
  }
  const { default: Client } = await import("@letta-ai/letta-client");
  // Through the server's own port, which has no TLS, as the project's user.
  const client = new Client({
    ...{ baseURL: letta.urls.server, apiKey: letta.serverPassword, defaultHeaders: { user_id: owner.user } },
    ...{ maxRetries: 0, timeout: 600_000 },
  });
  const report = await readModels({ url: letta.urls.server, password: letta.serverPassword }, false);
  const found = await openAgent(client, { name: agent, model, models: report });
  deps.print(`agent ${agent} of project ${name}, model ${found.model}`);
  if (found.model.startsWith("trial/")) {
    deps.print("a tiny model for trying out: it answers, and knows next to nothing (your own: Models in README.md)");
  }
  const write = (text: string) => void process.stdout.write(text);
  const terminal = createInterface({
    input: process.stdin,
    output: process.stdout,
    prompt: "> ",
    terminal: deps.isTerminal,
  });
  if (deps.isTerminal) terminal.prompt();
  for await (const line of terminal) {
    if (line.trim() !== "") await answer(client, found.id, line, write);
    if (deps.isTerminal) terminal.prompt();
  }
  return 0;
}

/** What is needed of a chunk of Letta's stream. */
type Chunk = {
  readonly message_type?: string;
  readonly content?: string | readonly { readonly text?: string }[];
  readonly tool_call?: { readonly name?: string | null };
  readonly message?: string;
};

/** Says one thing to the agent; an error of the run is part of the answer. */
export async function answer(
  client: Letta,
  agent: string,
  content: string,
  write: (text: string) => void,
): Promise<void> {
  try {
    const stream = await client.agents.messages.create(agent, {
      ...{ messages: [{ role: "user", content }], streaming: true, stream_tokens: true, include_pings: true },
    });
    for await (const chunk of stream as AsyncIterable<Chunk>) write(textOf(chunk));
    write("\n");
  } catch (error) {
    write(`\n${(error as Error).message}\n`);
  }
}

/** What a person reads of it. */
function textOf({ message_type: type, content = "", tool_call: call, message }: Chunk): string {
  if (type === "assistant_message") {
    return typeof content === "string" ? content : content.map(({ text = "" }) => text).join("");
  }
  // A call comes in pieces; only the first has the name.
  if (type === "tool_call_message" && call?.name) return `[${call.name}] `;
  return type === "error_message" ? `\n${message ?? "the run failed: make letta-logs"}\n` : "";
}
