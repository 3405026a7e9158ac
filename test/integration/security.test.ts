import { readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test, vi } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import { root } from "../../scripts/lib/checkout.ts";
import { sharedStacks } from "../support/shared-stacks.ts";

/** The tables of docs/security.md, compared with what the engine says of running containers. */

/** What `docker inspect` says of a container, as far as it is looked at here. */
interface Inspected {
  readonly Name: string;
  readonly AppArmorProfile: string;
  readonly State: { readonly Health?: { readonly Status: string } };
  readonly Config: { readonly User: string; readonly ExposedPorts?: object };
  readonly HostConfig: {
    readonly Privileged: boolean;
    readonly ReadonlyRootfs: boolean;
    readonly Init?: boolean;
    readonly CapAdd: string[] | null;
    readonly CapDrop: string[] | null;
    readonly Memory: number;
    readonly MemorySwap: number;
    readonly CpuShares: number;
    readonly PidsLimit: number | null;
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly SecurityOpt: string[] | null;
    readonly LogConfig: { readonly Type: string; readonly Config: Record<string, string> };
    readonly PortBindings: Record<string, { readonly HostIp: string; readonly HostPort: string }[]> | null;
    readonly NetworkMode: string;
    readonly PidMode: string;
    readonly IpcMode: string;
    readonly UTSMode: string;
    readonly UsernsMode: string;
    readonly CgroupParent: string;
    readonly Devices: unknown[] | null;
    readonly Ulimits: unknown[] | null;
  };
  readonly Mounts: {
    readonly Type: string;
    readonly Source: string;
    readonly Destination: string;
    readonly RW: boolean;
    readonly Propagation: string;
  }[];
  readonly NetworkSettings: { readonly Networks: Record<string, unknown> };
}

const stacks = sharedStacks();
/** The name that a container has where the stacks are `letta` and `thoth` -> what the engine says of it. */
let containers: Record<string, Inspected>;
let hasAppArmor: boolean;

const plainName = (name: string) => name.replace(`-t${stacks.suffix}-`, "-").replace(/^\//, "");

beforeAll(async () => {
  const names = [stacks.letta, stacks.thoth].map(async (stack) => Object.keys(await stacks.containers(stack)));
  const all = (await Promise.all(names)).flat();
  const look = async () => {
    const found = JSON.parse(await dockerOutput(["inspect", ...all])) as Inspected[];
    containers = Object.fromEntries(found.map((container) => [plainName(container.Name), container]));
    // An update asks each container's health check itself; the engine asks, and says so, up to an interval later.
    expect(Object.keys(containers).filter((name) => containers[name]?.State.Health?.Status !== "healthy")).toEqual([]);
  };
  await vi.waitFor(look, { timeout: 120_000, interval: 500 });
  hasAppArmor = (await dockerOutput(["info", "--format", "{{.SecurityOptions}}"])).includes("name=apparmor");
});

/** The rows of the table with this first column, as texts without the marks of code. */
function table(firstColumn: string): string[][] {
  const lines = readFileSync(join(root, "docs/security.md"), "utf8").split("\n");
  const start = lines.findIndex((line) => line.startsWith(`| ${firstColumn} |`));
  const rows = lines.slice(start + 2);
  const end = rows.findIndex((line) => !line.startsWith("|"));
  const cells = (line: string) =>
    line
      .slice(1, -1)
      .split("|")
      .map((cell) => cell.trim().replaceAll("`", ""));
  return rows.slice(0, end).map(cells);
}

/** The pair has a container per role. */
const isOfPair = (name: string | undefined) => name !== "thoth-all-in-one";

const list = (values: readonly string[]) => (values.length === 0 ? "none" : values.toSorted().join(", "));

/** A row of the first table, as the engine has it. */
function rowOf([name, { Config, HostConfig, Mounts, NetworkSettings }]: [string, Inspected]): string[] {
  const caller = `${process.getuid?.()}:${process.getgid?.()}`;
  const user = name.startsWith("thoth-") && Config.User === caller ? "the caller" : Config.User || "root";
  const writable = Mounts.filter(({ RW, Type }) => RW && Type !== "tmpfs").map(({ Destination }) => Destination);
  const networks = Object.keys(NetworkSettings.Networks).filter((network) => network !== "none");
  return [
    name,
    user,
    HostConfig.ReadonlyRootfs ? "read-only" : "writable",
    list((HostConfig.CapAdd ?? []).map((capability) => capability.replace(/^CAP_/, ""))),
    String(HostConfig.Memory / 2 ** 20),
    String(HostConfig.PidsLimit),
    list(writable).replace(/^none$/, "nothing"),
    list(networks.map(plainName)),
    list(Object.keys(HostConfig.PortBindings ?? {}).map((port) => port.replace("/tcp", ""))),
  ];
}

test("each container has exactly what its table says", () => {
  const found = Object.entries(containers).map(rowOf);
  const byName = (one: string[], other: string[]) => (one[0] ?? "").localeCompare(other[0] ?? "");
  const expected = table("container").filter(([name]) => isOfPair(name));
  expect(found.sort(byName)).toEqual(expected.sort(byName));
});

test("every container has the common limits", () => {
  for (const [name, { HostConfig }] of Object.entries(containers)) {
    expect(HostConfig, name).toMatchObject({
      Init: true,
      MemorySwap: HostConfig.Memory,
      CpuShares: /-(backup|drill)$/.test(name) ? 64 : 1024,
      RestartPolicy: { Name: "unless-stopped" },
      LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
    });
  }
});

const ports = ({ HostConfig }: Inspected) => Object.entries(HostConfig.PortBindings ?? {});
const isPrivate = (mode: string) => !/^(host|container)/.test(mode);

/** Item of the benchmark -> does a container keep it? */
const checks: Readonly<Record<string, (container: Inspected) => boolean>> = {
  "5.2": ({ AppArmorProfile }) => AppArmorProfile === (hasAppArmor ? "docker-default" : ""),
  "5.4": ({ HostConfig }) => HostConfig.CapDrop?.includes("ALL") === true,
  "5.5": ({ HostConfig }) => !HostConfig.Privileged,
  "5.6": ({ Mounts }) => Mounts.every(({ Type, Destination }) => Type !== "bind" || Destination === "/vault"),
  "5.8": (container) => ports(container).every(([, [bound]]) => Number(bound?.HostPort) >= 1024),
  "5.10": ({ HostConfig }) => isPrivate(HostConfig.NetworkMode),
  "5.11": ({ HostConfig }) => HostConfig.Memory > 0,
  "5.12": ({ HostConfig }) => HostConfig.CpuShares > 0,
  "5.13": ({ HostConfig }) => HostConfig.ReadonlyRootfs,
  "5.14": (container) => ports(container).every(([, bound]) => bound.every(({ HostIp }) => HostIp === "127.0.0.1")),
  "5.15": ({ HostConfig: { RestartPolicy } }) =>
    RestartPolicy.Name === "on-failure" && RestartPolicy.MaximumRetryCount <= 5,
  "5.16": ({ HostConfig }) => isPrivate(HostConfig.PidMode),
  "5.17": ({ HostConfig }) => HostConfig.IpcMode === "private",
  "5.18": ({ HostConfig }) => (HostConfig.Devices ?? []).length === 0,
  "5.19": ({ HostConfig }) => (HostConfig.Ulimits ?? []).length === 0,
  "5.20": ({ Mounts }) => Mounts.every(({ Propagation }) => !Propagation.endsWith("shared")),
  "5.21": ({ HostConfig }) => isPrivate(HostConfig.UTSMode),
  "5.22": ({ HostConfig }) => !(HostConfig.SecurityOpt ?? []).some((option) => option.includes("unconfined")),
  "5.25": ({ HostConfig }) => HostConfig.CgroupParent === "",
  "5.26": ({ HostConfig }) => (HostConfig.SecurityOpt ?? []).includes("no-new-privileges:true"),
  "5.27": ({ State }) => State.Health?.Status === "healthy",
  "5.29": ({ HostConfig }) => Number(HostConfig.PidsLimit) > 0,
  "5.30": ({ NetworkSettings }) => !("bridge" in NetworkSettings.Networks),
  "5.31": ({ HostConfig }) => isPrivate(HostConfig.UsernsMode),
  "5.32": ({ Mounts }) => Mounts.every(({ Source }) => !Source.endsWith("docker.sock")),
};

describe("the CIS Docker Benchmark", () => {
  const rows = table("item").map(([item = "", , state = "", why = ""]) => ({ item, state, why }));

  test("has every item in the table", () => {
    expect(rows.map(({ item }) => item)).toEqual(Array.from({ length: 32 }, (_, index) => `5.${index + 1}`));
    const unlooked = rows.filter(({ item, state }) => state !== "host" && checks[item] === undefined);
    // These two have their own tests below.
    expect(unlooked.map(({ item }) => item)).toEqual(["5.7", "5.9"]);
  });

  test.each(rows.filter(({ item }) => checks[item] !== undefined))("$item is $state", ({ item, state, why }) => {
    const names = Object.keys(containers);
    const others = names.filter((name) => checks[item]?.(containers[name] as Inspected) === false);
    const named = why.startsWith("all:") ? names : (why.split(":")[0] ?? "").split(", ");
    expect(others.sort()).toEqual(state === "exception" ? named.filter(isOfPair).sort() : []);
  });

  test("5.7 and 5.9: no sshd runs, and only the ports that are needed are open", async () => {
    for (const name of Object.values(containers).map(({ Name }) => Name.slice(1))) {
      expect(await dockerOutput(["top", name, "-o", "pid,args"]), name).not.toMatch(/\bsshd\b/);
    }
    const published = Object.values(containers).flatMap((container) => ports(container).map(([port]) => port));
    expect(published.sort()).toEqual(["5432/tcp", "8000/tcp", "8001/tcp", "8283/tcp", "8284/tcp"]);
  });
});
