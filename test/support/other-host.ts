import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { vi } from "vitest";
import type { Offsite } from "../../images/backup/src/contract.ts";
import { docker, dockerOutput } from "../../infra/lib/docker/engine.ts";
import { testImage } from "./test-image.ts";

type Sftp = Extract<Offsite, { type: "sftp" }>;
type S3 = Extract<Offsite, { type: "s3" }>;

const home = "/srv/copies";

/** A container that takes copies of backups, by OpenSSH's SFTP and by S3, on a separate network. */
export class OtherHost {
  /** Its name on its network, and on the engine. */
  readonly name: string;
  readonly network: string;
  readonly #privateKey: string;
  readonly #publicKey: string;

  /** @param name of its objects on the engine begins with this */
  constructor(name: string) {
    this.name = `${name}-host`;
    this.network = `${name}-network`;
    const folder = mkdtempSync(join(tmpdir(), "thoth-letta-test-"));
    const key = join(folder, "key");
    execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
    this.#privateKey = readFileSync(key, "utf8");
    this.#publicKey = readFileSync(`${key}.pub`, "utf8").trim();
    rmSync(folder, { recursive: true });
  }

  async start(): Promise<void> {
    const image = await testImage("other-host", "Another host, for tests");
    await this.remove();
    await dockerOutput(["network", "create", "--internal", this.network]);
    await dockerOutput([
      ...["run", "--detach", "--init", "--name", this.name, "--network", this.network],
      ...["--env", `AUTHORIZED_KEY=${this.#publicKey}`, "--env", `SERVER_NAME=${this.name}`, image],
    ]);
    await this.untilUp();
  }

  /** Waits until all of its servers answer. */
  async untilUp(): Promise<void> {
    const answering = "curl -sS localhost:9000 && curl -sSk https://localhost:9443 && ssh-keyscan localhost";
    await vi.waitFor(() => this.shell(`(${answering}) >/dev/null 2>&1`), { timeout: 120_000, interval: 200 });
  }

  /** An SFTP account's folder. With `knownHosts` as the host tells them itself. */
  async sftp(path: string): Promise<Sftp & { knownHosts: string }> {
    const keys = await this.shell(`sed 's/^/${this.name} /' /etc/ssh/ssh_host_*_key.pub`);
    const account = { host: this.name, port: 22, user: "keeper", path, privateKey: this.#privateKey };
    return { type: "sftp", ...account, knownHosts: keys.trim() };
  }

  /** A bucket, new and empty, by plain http or by https with the authority's certificate. */
  async s3(bucket: string, protocol: "http" | "https"): Promise<S3> {
    const port = protocol === "http" ? 9000 : 9443;
    await this.shell(`curl -sSfk -X PUT ${protocol}://localhost:${port}/${bucket} >/dev/null`);
    const keys = { accessKey: "an-access-key", secretKey: "a-secret-key-that-nobody-may-see" };
    const place = { endpoint: `${protocol}://${this.name}:${port}`, region: "us-east-1", bucket, path: "letta" };
    const authority = protocol === "https" ? { caCertificate: await this.shell("cat /etc/tls/ca.pem") } : {};
    return { type: "s3", ...place, ...keys, ...authority };
  }

  /** Runs a script there, in the folder of the SFTP account. */
  shell(script: string): Promise<string> {
    return dockerOutput(["exec", "--workdir", home, this.name, "sh", "-c", script]);
  }

  async remove(): Promise<void> {
    await docker(["rm", "--force", "--volumes", this.name]);
    await docker(["network", "rm", this.network]);
  }
}
