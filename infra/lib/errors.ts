import { RunError } from "@pulumi/pulumi/errors.js";

/**
 * Something the operator can mend: Pulumi and the scripts print its message alone, without a stack.
 * Any other error is a bug and keeps its stack.
 */
export class UserError extends RunError {
  override readonly name = "UserError";

  /**
   * @param problem what is wrong, where, and the value found
   * @param mend the command or the change that mends it
   */
  constructor(problem: string, mend?: string) {
    super(mend === undefined ? problem : `${problem}\n  mend: ${mend}`);
  }
}
