/** Reads settings that may go by several names in the environment, and remembers where the names disagree. */
export class AliasReader {
  readonly #environment: NodeJS.ProcessEnv;
  readonly #mistakes: string[] = [];

  constructor(environment: NodeJS.ProcessEnv) {
    this.#environment = environment;
  }

  /** One line for each setting whose names hold different values. */
  get mistakes(): readonly string[] {
    return this.#mistakes;
  }

  /**
   * Gives the value of the first name that is set, a URL without slashes at its end.
   *
   * Thoth's modules read different names of one setting. If two of them held different values, its parts would talk to
   * different servers without anyone being told, so a disagreement is a mistake here. The values stay out of the
   * message: some of them are tokens, and a URL may hold a password.
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

/** Two URLs that differ in a slash at the end are one; in a token the same slash means something. */
function tidy(value: string): string {
  const text = value.trim();
  return /^https?:/.test(text) ? text.replace(/\/+$/, "") : text;
}
