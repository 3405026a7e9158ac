/** Something the operator can mend; it reaches the host's command as its message, without a stack. */
export class BackupError extends Error {
  override readonly name = "BackupError";
  readonly mend: string | undefined;

  /**
   * @param problem what is wrong, where, and the value found
   * @param mend the command or the change that mends it
   */
  constructor(problem: string, mend?: string) {
    super(problem);
    this.mend = mend;
  }
}
