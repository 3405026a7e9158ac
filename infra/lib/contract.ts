import { UserError } from "./errors.ts";

/** Version of the letta stack's outputs: raised when a reader of the former ones would misread them. */
export const contractVersion = 3;

/** @throws UserError when another version of this project brought the stack up last */
export function requireContract(outputs: { readonly contractVersion?: unknown }, stack: string): void {
  const found = Number(outputs.contractVersion);
  if (found === contractVersion) return;
  if (found > contractVersion) {
    throw new UserError(`stack ${stack} was brought up by a newer version of this project`, "git pull");
  }
  throw new UserError(`stack ${stack} was brought up by an older version of this project`, "make letta-start");
}
