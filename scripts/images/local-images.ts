import { ask } from "./run.ts";

/** What the engine has, asked once for all steps and again after something was built. */
export class LocalImages {
  readonly #env: NodeJS.ProcessEnv;
  #references: Promise<ReadonlySet<string>> | undefined;

  constructor(env: NodeJS.ProcessEnv) {
    this.#env = env;
  }

  async has(reference: string): Promise<boolean> {
    this.#references ??= this.#list();
    return (await this.#references).has(reference);
  }

  forget(): void {
    this.#references = undefined;
  }

  async #list(): Promise<ReadonlySet<string>> {
    const format = "{{.Repository}}:{{.Tag}}";
    const answer = await ask(
      "docker",
      ["images", "--filter", "reference=thoth-letta/*", "--format", format],
      this.#env,
    );
    return new Set(answer?.split("\n"));
  }
}
