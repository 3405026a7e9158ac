import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { aliases, lettaNames } from "../lib/names.ts";
import { Service } from "./service/service.ts";

/** A small model on this machine, so that agents answer before there is a provider. It holds no data. */
export class TrialModel extends pulumi.ComponentResource {
  static readonly type = "thoth-letta:letta:TrialModel";
  readonly service: Service;

  constructor(
    name: string,
    args: {
      config: LettaConfig;
      image: string;
      /** A network that Letta is on and no project: the model asks nobody for a token. */
      networkId: pulumi.Input<string>;
    },
    options?: pulumi.ComponentResourceOptions,
  ) {
    super(TrialModel.type, name, {}, options);
    const { config } = args;
    this.service = new Service(
      name,
      {
        containerName: lettaNames(config.prefix).model,
        prefix: config.prefix,
        service: "model",
        image: args.image,
        command: ["python3", "/opt/model/serve.py"],
        networks: [{ id: args.networkId, aliases: [aliases.model], isInternal: true }],
        user: "65534:65534",
        isRootReadOnly: true,
        // -S: without site-packages Python starts in a fraction of the time.
        health: {
          test: ["CMD", "python3", "-S", "/opt/model/health.py"],
          intervalSeconds: 30,
          readyTimeoutSeconds: 120,
        },
        limits: config.sizes.model,
        // Everything else on the machine comes first.
        cpuShares: 256,
        stopGraceSeconds: 5,
      },
      { parent: this },
    );
    this.registerOutputs();
  }
}
