import { expect, test } from "vitest";
import provider from "../../../../infra/providers/volume-file.ts";
import { inspected } from "../../../support/container-state.ts";
import { fakeDocker } from "../../../support/fake-docker.ts";

const inputs = {
  ...{ volume: "letta-nginx-credentials", file: "tls.pem", content: "secret", owner: "101:101" },
  ...{ image: "nginx:1", container: "letta-nginx", reload: ["sh", "/reload.sh"] },
};
const state = (Status: "running" | "exited") => inspected({ Status });
const broken = { exitCode: 126, stderr: "OCI runtime exec failed: exec failed: read init-p: connection reset by peer" };

test("a reader that ends while it is asked to reload is no failure: it reads the file when it starts", async () => {
  fakeDocker({ run: {}, "container inspect": [state("running"), state("exited")], exec: broken });
  await expect(provider.create(inputs)).resolves.toMatchObject({ id: "letta-nginx-credentials/tls.pem" });
});

test("a reader that refuses the new content fails the update with what it said", async () => {
  fakeDocker({ run: {}, "container inspect": state("running"), exec: { exitCode: 1, stderr: "emerg: no such file" } });
  await expect(provider.create(inputs)).rejects.toThrow("letta-nginx does not accept its new settings: emerg");
});
