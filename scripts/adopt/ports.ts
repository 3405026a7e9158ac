import type { InspectedContainer } from "./installation.ts";

const onThisHostAlone = ["127.0.0.1", "::1"];

/** Host ports that containers publish, by the wanted names; a port that the engine chose is left out. */
export function publishedPorts(
  wanted: Readonly<Record<string, readonly [container: InspectedContainer | undefined, port: number | undefined]>>,
): Record<string, number> {
  const found = Object.entries(wanted).map(([name, [container, port]]): [string, number] => [
    name,
    Number(container?.HostConfig.PortBindings?.[`${port}/tcp`]?.[0]?.HostPort),
  ]);
  return Object.fromEntries(found.filter(([, port]) => port > 0));
}

/** True when other hosts reach a container's ports. */
export function isOpen({ HostConfig }: InspectedContainer): boolean {
  const bindings = Object.values(HostConfig.PortBindings ?? {}).flatMap((some) => some ?? []);
  return bindings.some(({ HostIp }) => !onThisHostAlone.includes(HostIp));
}
