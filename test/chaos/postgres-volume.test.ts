import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { docker, dockerOutput, inspectContainer } from "../../infra/lib/docker/engine.ts";
import { probeLetta } from "../../infra/lib/letta/probe.ts";
import { killWhen } from "../support/restores.ts";
import { ownProject } from "../support/shared-stacks.ts";
import { succeeded } from "../support/stacks.ts";

/** What a restore ends with: Postgres runs on another volume, and the one that it had is there for the way back. */

const stacks = await ownProject();
const container = `${stacks.letta}-postgres`;
const [usual, other] = [`${stacks.letta}-postgres`, `${stacks.letta}-postgres-other`];

interface VolumeState {
  readonly urn: string;
  readonly protect?: boolean;
  readonly outputs: { readonly name: string };
}

/** The volume of Postgres as the stack's state has it. */
async function volumeState(): Promise<VolumeState> {
  const { stdout } = succeeded(await stacks.pulumi(["stack", "export", "--stack", stacks.letta]));
  const { deployment } = JSON.parse(stdout) as { deployment: { resources: VolumeState[] } };
  const found = deployment.resources.filter(({ urn }) => urn.endsWith("::postgres-volume"));
  expect(found).toHaveLength(1);
  return found[0] as VolumeState;
}

async function moveTo(volume: string): Promise<void> {
  const { urn } = await volumeState();
  succeeded(await stacks.pulumi(["state", "unprotect", urn, "--yes", "--stack", stacks.letta]));
  stacks.configure(stacks.letta, { postgresVolume: volume });
  await stacks.up(stacks.letta);
}

const mounted = () =>
  dockerOutput(["inspect", "--format", "{{range .Mounts}}{{println .Name .Destination}}{{end}}", container]);
const failedProbes = async () => (await probeLetta(await stacks.lettaEndpoint())).filter(({ ok }) => !ok);

beforeAll(async () => {
  // The engine has the network before Pulumi's state knows of it: the next start has to repair that.
  const list = ["network", "ls", "--filter", `name=${stacks.letta}-network`, "--quiet"];
  await killWhen(stacks, ["letta", "start"], async () => (await dockerOutput(list)) !== "");
  succeeded(await stacks.command(["letta", "start"]));
  const image = (await inspectContainer(container))?.Config.Image ?? "";
  await dockerOutput(["stop", container]);
  const mounts = ["--volume", `${usual}:/from:ro`, "--volume", `${other}:/to`];
  await dockerOutput(["run", "--rm", ...mounts, "--entrypoint", "cp", image, "-a", "/from/.", "/to/"]);
  await dockerOutput(["start", container]);
});

afterAll(async () => {
  if (stacks.configured(stacks.letta, "postgresVolume") === other) await moveTo(usual);
  await docker(["volume", "rm", other]);
});

describe("after a start that was killed while it made the network, Postgres", () => {
  test("does not leave its volume while that is protected", async () => {
    stacks.configure(stacks.letta, { postgresVolume: other });
    const { exitCode, output } = await stacks.pulumi(["up", "--yes", "--skip-preview", "--stack", stacks.letta]);
    expect(exitCode).not.toBe(0);
    expect(output).toContain("marked for protection");
    expect(await mounted()).toContain(`${usual} /var/lib/postgresql/data`);
    stacks.configure(stacks.letta, { postgresVolume: usual });
  });

  test("moves to another volume, which is protected from then on, and the old one stays", async () => {
    await moveTo(other);
    expect(await mounted()).toContain(`${other} /var/lib/postgresql/data`);
    expect(await volumeState()).toMatchObject({ protect: true, outputs: { name: other } });
    expect((await stacks.lettaOutputs()).volumes.postgres).toBe(other);
    await stacks.psql("create table on_the_other_volume ()");
    expect(await failedProbes()).toEqual([]);
    expect((await docker(["volume", "inspect", usual])).exitCode).toBe(0);
    succeeded(await stacks.pulumi(["preview", "--expect-no-changes", "--stack", stacks.letta]));
  });

  test("finds the old one as it was on the way back", async () => {
    await moveTo(usual);
    expect(await volumeState()).toMatchObject({ protect: true, outputs: { name: usual } });
    expect(await stacks.psql("select to_regclass('on_the_other_volume') is null")).toBe("t");
    expect(await failedProbes()).toEqual([]);
    expect((await docker(["volume", "inspect", other])).exitCode).toBe(0);
  });
});
