/** Something the operator can fix; the host's command prints its message without a stack. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly fix: string | undefined;

  /**
   * @param problem what is wrong, where, and the value found
   * @param fix the command or the change that fixes it
   */
  constructor(problem: string, fix?: string) {
    super(problem);
    this.fix = fix;
  }
}
