/**
 * Something the operator can fix: Pulumi and the scripts print its message without a stack trace.
 * Any other error is a bug and keeps its stack trace.
 */
export class UserError extends Error {
  override readonly name = "UserError";
  /** Makes it a RunError for Pulumi, whose class would load gRPC into every command. */
  readonly __pulumiRunError = true;
  /** The message without its fix. */
  readonly problem: string;
  /** Undefined where the message has to do. */
  readonly fix: string | undefined;

  /**
   * @param problem what is wrong, where, and the value found
   * @param fix the command or the change that fixes it
   */
  constructor(problem: string, fix?: string) {
    super(fix === undefined ? problem : `${problem}\n  fix: ${fix}`);
    this.problem = problem;
    this.fix = fix;
  }
}

/** Problem and fix of a message that was a {@link UserError}'s, as another process printed it. */
export function splitFix(message: string): { readonly problem: string; readonly fix?: string } {
  const [problem = "", fix] = message.split(/\n\s*fix: /);
  return fix === undefined ? { problem } : { problem, fix };
}
