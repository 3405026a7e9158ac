import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { z } from "zod";
import { firstAddress } from "../lib/docker/network.ts";
import { variableName } from "../lib/env-file.ts";

/** A Docker name prefix: lower case, digits and dashes. */
export const prefixSchema = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,30}[a-z0-9]$/, "must be 2-32 of a-z, 0-9 and -, starting with a letter");

/** A TCP port on the host. */
export const portSchema = z.int("must be a port number").min(1, "must be 1-65535").max(65535, "must be 1-65535");

/** Published ports, service -> port, without duplicates. */
export const portsSchema = <Shape extends Readonly<Record<string, z.ZodType<number | undefined>>>>(shape: Shape) =>
  z.strictObject(shape).superRefine((ports, context) => {
    const all = Object.values(ports as Record<string, number>);
    const twice = all.find((port, index) => all.indexOf(port) !== index);
    if (twice !== undefined) context.addIssue({ code: "custom", message: `names port ${twice} twice` });
  });

/** An IPv4 subnet for a Docker bridge, of /12 to /26. */
export const subnetSchema = z
  .cidrv4({ error: "must be an IPv4 subnet such as 172.22.0.0/16", abort: true })
  .refine((subnet) => {
    const length = Number(subnet.split("/")[1]);
    return length >= 12 && length <= 26;
  }, "must be between /12 and /26")
  .superRefine((subnet, context) => {
    const first = firstAddress(subnet);
    if (!subnet.startsWith(`${first}/`)) {
      context.addIssue({ code: "custom", message: `must start at ${first}, the first address of ${subnet}` });
    }
  });

/** The host address that published ports listen on; any but loopback exposes them to the network. */
export const bindAddressSchema = z.string().refine((value) => isIP(value) !== 0, "must be an IP address of this host");

/** The version of an image: a tag. */
export const versionSchema = z
  .string()
  .refine(
    (tag) => /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$/.test(tag),
    "is not a valid version: it must be the tag of an image",
  );

/** A host name or an IP address, in the form in which URLs have it: in lower case, IPv6 without brackets and abbreviated. */
export const hostSchema = z.string().transform((text, context) => {
  const host = text.toLowerCase().replace(/^\[(.*)\]$/, "$1");
  if (ipaddr.IPv6.isValid(host)) return ipaddr.IPv6.parse(host).toString();
  if (/^[a-z0-9_.-]+$/.test(host)) return host;
  context.addIssue({ code: "custom", message: "must be a host name or an IP address, without a port" });
  return z.NEVER;
});

/** The name of a Docker volume. */
export const volumeSchema = z
  .string()
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/, "must be the name of a Docker volume: letters, digits, _, . and -");

/** Environment variables: name -> value. `refused`: names that are not accepted -> why. */
export const environmentSchema = (refused: Readonly<Record<string, string>> = {}) =>
  z.record(
    z
      .string()
      .regex(variableName, "must be a variable name")
      .superRefine((name, context) => {
        const reason = Object.hasOwn(refused, name) ? refused[name] : undefined;
        if (reason !== undefined) context.addIssue({ code: "custom", message: reason });
      }),
    z.string("must be text, a number or true/false; more than 15 digits must be in quotes"),
  );

/** Memory in MiB. */
export const mebibytes = (least: number) =>
  z.int("must be a whole number of MiB").min(least, `must be at least ${least} MiB`);

/**
 * Limits of one container. `processes` counts threads too; `cpus` is in processors, without a limit by default. Containers
 * that contend for processors have equal shares.
 */
export const limits = (memory: { readonly least: number; readonly usual: number }, processes: number) => ({
  memoryMiB: mebibytes(memory.least).default(memory.usual),
  processes: z.int().min(32).default(processes),
  cpus: z.number().min(0.1, "must be at least 0.1 processors").optional(),
});

/** A browser origin. */
export const originSchema = z
  .string()
  .regex(/^[a-z][a-z0-9+.-]*:\/\/[^\s/"';]+$/i, 'must be an origin such as "https://app.example.org", without a path');
