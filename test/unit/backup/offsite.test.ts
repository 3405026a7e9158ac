import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { offsiteError } from "../../../images/backup/src/offsite-errors.ts";
import { copiedFiles, repositoryState } from "../../../images/backup/src/offsite-files.ts";
import { Remote } from "../../../images/backup/src/offsite-remote.ts";
import { temporaryFiles } from "../../support/temporary.ts";

const name = "keeper@nas:letta";

describe("what rclone says of the other host", () => {
  test.each([
    [
      'Failed to create file system for "offsite:letta": NewFs: couldn\'t connect SSH: dial tcp: lookup nas on 127.0.0.11:53: no such host',
      `${name} does not answer (dial tcp: lookup nas on 127.0.0.11:53: no such host)`,
    ],
    [
      'Failed to create file system for "offsite:letta": NewFs: couldn\'t connect SSH: ssh: handshake failed: knownhosts: key mismatch',
      `${name} shows a host key that knownHosts does not have (ssh: handshake failed: knownhosts: key mismatch)`,
    ],
    [
      'Failed to create file system for "offsite:letta": NewFs: couldn\'t connect SSH: ssh: handshake failed: EOF',
      `${name} refuses user or privateKey (ssh: handshake failed: EOF)`,
    ],
    [
      'Failed to cat: RequestError: send request failed\ncaused by: Get "https://nas/b?prefix=x": tls: failed to verify certificate: x509: certificate signed by unknown authority',
      `${name} has a certificate that is not trusted here (RequestError: send request failed caused by: Get "https://nas/b?prefix=x": tls: failed to verify certificate: x509: certificate signed by unknown authority)`,
    ],
    [
      "Failed to copy with 2 errors: last error was: NoSuchBucket: The specified bucket does not exist\n\tstatus code: 404, request id: bVEy, host id: ",
      `${name} has no such bucket (NoSuchBucket: The specified bucket does not exist (404))`,
    ],
    ["Failed to copy: something new", `${name}: something new`],
  ])("%s", (said, problem) => {
    expect(offsiteError(name, `2026/11/24 02:26:24 ${said}`.split("\n")).message).toBe(problem);
  });

  test("its log counts where the last line says less", () => {
    const lines = [
      '{"level":"warning","msg":"not this one"}',
      '{"level":"error","msg":"Failed to copy: Update Create failed: permission denied","object":"backup.info"}',
      '{"level":"error","msg":"Attempt 1/1 failed with 1 errors and: Update Create failed: permission denied"}',
    ];
    expect(offsiteError(name, lines).message).toBe(`${name} refuses access (Update Create failed: permission denied)`);
    expect(offsiteError(name, []).message).toBe(`${name}: rclone failed and did not say why`);
  });
});

describe("what of the repository another host gets", () => {
  const repository = () =>
    temporaryFiles({
      "repository.json": "{}",
      "status/status.json": "{}",
      "wal-sink/1/000000010000000000000002.partial": "WAL in the clear",
      "pgbackrest/archive/main/17-1/0000000100000000/000000010000000000000001-ab.zst": "WAL",
      "pgbackrest/archive/main/17-1/0000000100000000/000000010000000000000002-cd.zst.pgbackrest.tmp": "half of it",
      "pgbackrest/backup/main/backup.info": "1",
      "files/keys.json.bin": "keys",
      "files/keys.json.new.bin": "half of them",
    });

  test("is what is encrypted and whole", async () => {
    expect(await copiedFiles(repository())).toEqual([
      "pgbackrest/archive/main/17-1/0000000100000000/000000010000000000000001-ab.zst",
      "pgbackrest/backup/main/backup.info",
      "files/keys.json.bin",
    ]);
    expect(await copiedFiles("/nowhere")).toEqual([]);
  });

  test("is to be looked at as a whole when anything but WAL has changed", async () => {
    const folder = repository();
    const before = await repositoryState(folder);
    const add = (path: string) => {
      mkdirSync(join(folder, path, ".."), { recursive: true });
      writeFileSync(join(folder, path), "new");
    };
    add("pgbackrest/archive/main/17-1/0000000100000000/000000010000000000000003-ef.zst");
    expect(await repositoryState(folder)).toBe(before);
    add("pgbackrest/backup/main/20261124-010203F/bundle/1");
    expect(await repositoryState(folder)).not.toBe(before);
  });
});

test("the place of a copy is named as a person would write it", () => {
  const account = { type: "sftp", host: "nas", port: 22, user: "keeper", path: "letta", privateKey: "-" } as const;
  expect(new Remote(account).name).toBe(name);
  const keys = { region: "us-east-1", accessKey: "-", secretKey: "-" };
  const bucket = {
    type: "s3",
    endpoint: "https://s3.example.org/",
    bucket: "backups",
    path: "letta",
    ...keys,
  } as const;
  expect(new Remote(bucket).name).toBe("https://s3.example.org/backups/letta");
  expect(new Remote(bucket).at("repository.json")).toBe("offsite:backups/letta/repository.json");
});
