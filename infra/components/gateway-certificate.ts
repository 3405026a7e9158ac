import { readFileSync } from "node:fs";
import { homedir } from "node:os";
import * as pulumi from "@pulumi/pulumi";
import type { LettaConfig } from "../config/letta.ts";
import { UserError } from "../lib/errors.ts";
import { ProviderResource } from "./provider-resource.ts";

/** The gateway's certificate, in PEM. */
export interface GatewayCertificate {
  readonly certificate: pulumi.Output<string>;
  /** Secret. */
  readonly key: pulumi.Output<string>;
}

class SelfSigned extends ProviderResource<"self-signed-certificate"> {
  declare readonly certificate: pulumi.Output<string>;
  declare readonly key: pulumi.Output<string>;
}

/** The certificate that the config asks for; undefined without TLS. @throws UserError for files that cannot be read */
export function gatewayCertificate({ tls, bindAddress }: LettaConfig, image: string): GatewayCertificate | undefined {
  if (tls === undefined) return undefined;
  if (tls === "self-signed") return selfSigned(image, bindAddress);
  return {
    certificate: pulumi.output(readPem("tls.certificateFile", tls.certificateFile)),
    key: pulumi.secret(readPem("tls.keyFile", tls.keyFile)),
  };
}

function selfSigned(image: string, bindAddress: string): GatewayCertificate {
  const isAny = ["127.0.0.1", "0.0.0.0", "::", "::1"].includes(bindAddress);
  return new SelfSigned(
    "self-signed-certificate",
    "gateway-certificate",
    { image, addresses: isAny ? [] : [bindAddress] },
    { additionalSecretOutputs: ["key"], aliases: [{ name: "nginx-certificate" }] },
    ["certificate", "key"],
  );
}

function readPem(key: string, path: string): string {
  try {
    return readFileSync(path.replace(/^~(?=\/)/, homedir()), "utf8");
  } catch (error) {
    throw new UserError(
      `${key} ${path} cannot be read: ${(error as Error).message}`,
      `pulumi config set --path 'thoth-letta:${key}' PATH`,
    );
  }
}
