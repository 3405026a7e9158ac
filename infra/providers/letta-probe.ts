import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { UserError } from "../lib/errors.ts";
import { probeLetta } from "../lib/letta/probe.ts";

/** Inputs of the LettaProbe resource. */
export interface LettaProbeInputs {
  /** Letta as this host reaches it. */
  readonly url: string;
  readonly password: string;
  /** PEM of the certificate that the server of an https URL must present. */
  readonly certificate?: string;
  /** Any text; the probe runs again when it changes. */
  readonly trigger: string;
}

/** Exists once Letta has shown that its models, its database and its Redis work. */
const provider = convergingProvider<LettaProbeInputs, object>({
  id: (inputs) => inputs.url,
  isCurrent: (olds, news) => haveSame(olds, news, ["url", "trigger"]),
  ensure: requireWorkingLetta,
});
export default provider;

async function requireWorkingLetta(inputs: LettaProbeInputs): Promise<void> {
  const failed = (await probeLetta(inputs)).filter((result) => !result.ok);
  if (failed.length === 0) return;
  const reasons = failed.map(({ check, detail }) => `    ${check}: ${detail}`).join("\n");
  throw new UserError(
    `Letta at ${inputs.url} answers its health check but does not work:\n${reasons}`,
    "make letta-status, make letta-logs; then make letta-start",
  );
}
