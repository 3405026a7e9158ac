import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { networkContainers } from "../lib/docker/engine.ts";
import { UserError } from "../lib/errors.ts";

/** Inputs of the NetworkClients resource. */
export interface NetworkClientsInputs {
  readonly network: string;
  /** The stack's own containers, which do not count as clients. */
  readonly ownContainers: string[];
}

/**
 * Refuses its deletion while other containers are on the stack's network.
 *
 * It depends on every service, so a destroy deletes it first, before anything stops. Pulumi does not know that another stack
 * references this one (pulumi/pulumi#9172).
 */
const provider = convergingProvider<NetworkClientsInputs, object>({
  id: (inputs) => inputs.network,
  isCurrent: (olds, news) => haveSame(olds, news, ["network", "ownContainers"]),
  ensure: async () => ({}),
  async remove({ network, ownContainers }) {
    const clients = (await networkContainers(network)).filter((name) => !ownContainers.includes(name));
    if (clients.length === 0) return;
    throw new UserError(
      `${network} is in use by ${clients.join(", ")}: nothing was stopped`,
      "destroy or stop those first, e.g. pulumi destroy -s thoth",
    );
  },
});
export default provider;
