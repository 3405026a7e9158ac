/** Reads settings that have several names in the environment, and collects disagreements between them. */
export class AliasReader {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
  }

  /** A line per setting whose names have different values. */
  get mistakes(): readonly string[] {
    return this.#mistakes;
  }

  /**
   * Returns the value of the first name that is set, a URL without trailing slashes.
   *
   * Thoth's modules read different names of one setting. With different values its parts would silently use different
   * servers, so a disagreement is a mistake. Values stay out of the message: they may be tokens or contain a password.
   */
  read(names: readonly string[]): string | undefined {
    const found = names
      .map((name) => ({ name, value: tidy(this.#environment[name] ?? "") }))
      .filter(({ value }) => value !== "");
    const first = found[0];
    const others = found.filter(({ value }) => value !== first?.value).map(({ name }) => name);
    if (first && others.length > 0) {
      this.#mistakes.push(`${first.name}: ${others.join(", ")} says otherwise; all names of one setting must agree`);
    }
    return first?.value;
  }
}

/** Trailing slashes do not matter in URLs, but do in tokens. */
function tidy(value: string): string {
  const text = value.trim();
  return /^https?:/.test(text) ? text.replace(/\/+$/, "") : text;
}
