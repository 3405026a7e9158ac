import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { vi } from "vitest";
import { OtherEngine } from "./other-engine.ts";
import type { Place } from "./stacks.ts";
import { testImage } from "./test-image.ts";

/** Addresses that are for documentation, so nothing else here has them. */
const addresses = { here: "198.51.100.1", there: "198.51.100.2" } as const;
const link = "thoth-letta-ssh";

/** A second engine that is reached as one on another host is: by OpenSSH, over a network of the two. */
export class SshEngine implements Place {
  readonly wrapper = [];
  readonly env: Record<string, string>;
  readonly other = new OtherEngine();
  readonly #folder = mkdtempSync(join(tmpdir(), "thoth-letta-ssh-"));

  constructor() {
    // SSH finds its files in the user's own home whatever HOME says, so its config comes on the command line.
    const wrapper = join(this.#folder, "ssh");
    const options = ["UserKnownHostsFile=known_hosts", "IdentityFile=key"].map((one) =>
      one.replace("=", `=${this.#folder}/`),
    );
    const flags = ["IdentitiesOnly=yes", "StrictHostKeyChecking=yes", ...options].map((one) => `-o ${one}`).join(" ");
    writeFileSync(wrapper, `#!/bin/sh\nexec /usr/bin/ssh ${flags} "$@"\n`);
    chmodSync(wrapper, 0o755);
    this.env = {
      DOCKER_HOST: `ssh://root@${addresses.there}`,
      XDG_RUNTIME_DIR: this.#folder,
      PATH: [this.#folder, process.env.PATH].join(delimiter),
    };
  }

  /** Starts the engine and, in a container on it, its host's SSH server. */
  async start(images: readonly string[]): Promise<void> {
    await this.other.start();
    this.#connect();
    const image = await testImage("other-host", "Another host, for tests");
    await this.other.load([...images, image]);
    const key = join(this.#folder, "key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    const options = ["ForceCommand=none", "PermitRootLogin=prohibit-password"].flatMap((one) => ["-o", one]);
    const keys = 'mkdir -p /etc/ssh/authorized_keys && echo "$KEY" >/etc/ssh/authorized_keys/root';
    const publicKey = readFileSync(`${key}.pub`, "utf8");
    this.other.docker([
      ...["run", "--detach", "--name", "ssh", "--network", "host", "--env", `KEY=${publicKey}`],
      ...["--volume", `${this.other.socket}:/var/run/docker.sock`, "--entrypoint", "sh", image],
      ...["-c", `${keys} && exec /usr/sbin/sshd -D -e ${options.join(" ")}`],
    ]);
    const scan = () =>
      execFileSync("ssh-keyscan", [addresses.there], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    await vi.waitFor(() => writeFileSync(join(this.#folder, "known_hosts"), scan() || raise()), { timeout: 30_000 });
  }

  async remove(): Promise<void> {
    await this.other.remove();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #connect(): void {
    const ip = (line: string) => execFileSync("ip", line.split(" "));
    ip(`link add ${link} type veth peer name uplink netns ${this.other.network}`);
    ip(`addr add ${addresses.here}/30 dev ${link}`);
    ip(`link set ${link} up`);
    ip(`-n ${this.other.network} addr add ${addresses.there}/30 dev uplink`);
    ip(`-n ${this.other.network} link set uplink up`);
  }
}

function raise(): never {
  throw new Error("no SSH server answers yet");
}
