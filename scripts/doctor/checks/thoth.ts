import { existsSync, readdirSync } from "node:fs";
import { remoteEngine } from "../../../infra/lib/docker/host.ts";
import type { Check, Finding } from "../check.ts";
import type { Patient } from "../patient.ts";

/** The thoth stack, apart from its containers. */
export const thothChecks: readonly Check[] = [
  {
    id: "vault",
    title: "The vault is a folder of this host that can be read.",
    why: "Thoth would work on an empty vault.",
    fix: "`pulumi config set vault PATH -s thoth`, then `make thoth-start`",
    needs: ["thoth"],
    find: vault,
  },
];

async function vault({ thoth }: Patient): Promise<Finding[]> {
  // Its containers would not have started without it.
  if (remoteEngine() !== undefined) return [];
  const path = thoth?.vault ?? "";
  const fix = "pulumi config set vault PATH -s thoth, then make thoth-start";
  if (!existsSync(path)) return [{ severity: "error", problem: `the vault ${path} does not exist on this host`, fix }];
  try {
    readdirSync(path);
    return [];
  } catch (error) {
    return [{ severity: "error", problem: `the vault cannot be read: ${(error as Error).message}`, fix }];
  }
}
