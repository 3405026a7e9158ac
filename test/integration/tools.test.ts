import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { dockerOutput } from "../../infra/lib/docker/engine.ts";
import type { LettaEndpoint } from "../../infra/lib/letta/api.ts";
import { sharedStacks } from "../support/shared-stacks.ts";
import {
  askForTool,
  makeTenant,
  removeTenant,
  runTool,
  type Tenant,
  toolResult,
  toolSource,
} from "../support/tools.ts";

/** Tools of agents are arbitrary Python of a project: what they can do, and what they cannot. */

const stacks = sharedStacks();
let endpoint: LettaEndpoint;
let one: Tenant;
let other: Tenant;
beforeAll(async () => {
  endpoint = await stacks.lettaEndpoint();
  [one, other] = await Promise.all([makeTenant(endpoint), makeTenant(endpoint)]);
});
afterAll(() => Promise.all([one, other].map((tenant) => removeTenant(endpoint, tenant))));

const inServer = (...command: string[]) => dockerOutput(["exec", `${stacks.letta}-server`, ...command]);
/** Process ids in the server's container -> their users. */
const processUsers = async () => {
  const text = await inServer("sh", "-c", "stat -c '%u' /proc/[0-9]* 2>/dev/null");
  return [...new Set(text.trim().split("\n"))];
};

describe("a tool can", () => {
  test("take arguments, print, and return values", async () => {
    const source = toolSource(
      'print("printed")\nimport json\nreturn json.dumps({"sum": number + 1, "words": words})',
      "number: int, words: list",
    );
    const description =
      '"""\n    Adds.\n\n    Args:\n        number (int): a number\n        words (list[str]): words\n    """';
    const { text } = await askForTool(
      endpoint,
      { source_code: source.replace(/"""[\s\S]*?"""/, description), args: { number: "41", words: ["a", "b"] } },
      one.user,
    );
    expect(JSON.parse(text)).toMatchObject({ status: "success", stdout: ["printed\n"] });
    expect(JSON.parse(JSON.parse(text).tool_return)).toEqual({ sum: 42, words: ["a", "b"] });
  });

  test("fail, and the error is returned", async () => {
    const run = await runTool(endpoint, 'raise ValueError("as it likes")', one.user);
    expect(run.status).toBe("error");
    expect(run.tool_return).toContain("ValueError: as it likes");
  });

  test("write files while it runs, start programs, and use what Letta's image has", async () => {
    const lines = `
import json, os, subprocess, tempfile
import pydantic
with tempfile.NamedTemporaryFile("w+") as file:
    file.write("text")
    file.flush()
    read = subprocess.run(["cat", file.name], capture_output=True, text=True).stdout
with open("in-its-folder", "w") as file:
    file.write("more")
return json.dumps([read, os.listdir("."), pydantic.VERSION != ""])`;
    const [read, files, hasPydantic] = await toolResult<[string, string[], boolean]>(endpoint, lines, one.user);
    expect([read, files.sort(), hasPydantic]).toEqual(["text", ["in-its-folder", "tool.py"], true]);
  });

  test("reach Letta through the gateway, which refuses it without a token", async () => {
    const lines = `
import os, urllib.error, urllib.request
try:
    return str(urllib.request.urlopen(os.environ["LETTA_BASE_URL"] + "/v1/agents/", timeout=20).status)
except urllib.error.HTTPError as error:
    return str(error.code)`;
    expect((await runTool(endpoint, lines, one.user)).tool_return).toBe("401");
  });

  test("have variables that its project sets", async () => {
    const source_code = toolSource('import os\nreturn os.environ["OF_THE_PROJECT"]');
    const { text } = await askForTool(endpoint, { source_code, env_vars: { OF_THE_PROJECT: "a value" } }, one.user);
    expect(JSON.parse(text).tool_return).toBe("a value");
  });

  test("leave files in the exchange area, which are applications' to read, as the default organization's", async () => {
    const name = `from-a-tool-${one.organization}`;
    const lines = `
path = "/letta/.persist/${name}"
with open(path, "w") as file:
    file.write("for an application")
return path`;
    expect((await runTool(endpoint, lines)).status).toBe("success");
    const read = await dockerOutput(["exec", `${stacks.thoth}-api`, "cat", `/letta-data/${name}`]);
    expect(read).toBe("for an application");
    const ofAnother = await runTool(endpoint, `return open("/letta/.persist/${name}").read()`, one.user);
    expect(ofAnother.tool_return).toContain("PermissionError");
    await runTool(endpoint, `import os\nos.unlink("/letta/.persist/${name}")`);
  });
});

describe("a tool is", () => {
  const about = `
import json, os
status = dict(line.split(":\\t", 1) for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
wanted = ("CapEff", "CapPrm", "CapAmb", "CapInh", "NoNewPrivs", "Groups")
return json.dumps({"uid": os.getuid(), "gid": os.getgid(), "environment": sorted(os.environ),
                   "status": {name: status[name].strip() for name in wanted}})`;
  interface About {
    readonly uid: number;
    readonly gid: number;
    readonly environment: string[];
    readonly status: Record<string, string>;
  }

  test("a user of its organization alone, without privileges and without Letta's environment", async () => {
    const [ofOne, again, ofOther, ofDefault] = await Promise.all(
      [one.user, one.user, other.user, undefined].map((user) => toolResult<About>(endpoint, about, user)),
    );
    expect(ofOne).toEqual(again);
    const users = [ofOne, ofOther, ofDefault].map((found) => found?.uid ?? 0);
    expect(new Set(users).size).toBe(3);
    for (const uid of users) expect(uid).toBeGreaterThanOrEqual(1_000_000);
    const none = "0000000000000000";
    expect(ofOne?.status).toEqual({
      ...{ CapEff: none, CapPrm: none, CapAmb: none, CapInh: none },
      NoNewPrivs: "1",
      Groups: "",
    });
    expect(ofOne?.environment).toEqual([
      ...["HOME", "LANG", "LETTA_BASE_URL", "LETTA_SERVER_URL", "LETTA_TOOL_ID", "NO_COLOR", "PATH"],
      ...["PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "PYTHONWARNINGS", "TERM", "TMPDIR"],
    ]);
  });
});

describe("a tool cannot", () => {
  test("read credentials, Letta's files, or what any process of others has in its environment, memory or files", async () => {
    // Else nothing would be there to be refused.
    expect(await inServer("cat", "/run/credentials/letta.json")).toContain("serverPasswords");
    const lines = `
import glob, json, os
paths = ["/run/credentials/letta.json", "/run/thoth-letta/secrets.env", "/letta", "/letta/.letta", "/root",
         "/run/letta-tools", "/tmp", "/dev/shm"]
for process in glob.glob("/proc/[0-9]*"):
    if os.stat(process).st_uid != os.getuid():
        paths += [process + "/" + name for name in ("environ", "mem", "maps", "fd", "cwd/x", "root/run")]
outcomes = {}
for path in paths:
    try:
        os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(1)
        outcomes[path] = "open"
    except OSError as error:
        outcomes[path] = error.strerror
return json.dumps(outcomes)`;
    const outcomes = Object.entries(await toolResult<Record<string, string>>(endpoint, lines, one.user));
    expect(outcomes.map(([path]) => path)).toContain("/proc/1/environ");
    expect(outcomes.filter(([, outcome]) => outcome !== "Permission denied")).toEqual([]);
  });

  test("write anything but its own folder, which goes with it", async () => {
    const lines = `
import json, os
found = []
for folder, folders, files in os.walk("/"):
    if folder in ("/proc", "/sys", "/dev", os.getcwd()):
        folders[:] = []
        continue
    for path in [folder, *(os.path.join(folder, name) for name in files)]:
        if not os.path.islink(path) and os.access(path, os.W_OK):
            found.append(path)
return json.dumps([found, os.access(os.getcwd(), os.W_OK), os.getcwd()])`;
    const [found, isOwn, folder] = await toolResult<[string[], boolean, string]>(endpoint, lines, one.user);
    expect([found, isOwn]).toEqual([[], true]);
    expect(await inServer("sh", "-c", `ls -d ${folder} || true`)).toBe("");
  });

  test("look into the folder or processes of another organization's tool", async () => {
    const lines = `
import os, time
with open("secret", "w") as file:
    file.write("of one project")
os.chmod(".", 0o777)
end = time.monotonic() + 120
while not os.path.exists("seen") and time.monotonic() < end:
    time.sleep(0.1)
return str(os.path.exists("seen"))`;
    const running = runTool(endpoint, lines, one.user);
    // Root has no capability to read others' folders here: the file shows once the tool has opened its folder.
    const find = "cd /run/letta-tools && ls */secret";
    await expect.poll(() => inServer("sh", "-c", `${find} 2>/dev/null || true`), { timeout: 120_000 }).not.toBe("");
    const folder = (await inServer("sh", "-c", find)).split("/")[0];
    const ofItsUser = `user=$(stat -c %u /run/letta-tools/${folder}); cd /proc; for p in [0-9]*; do`;
    const process = await inServer(
      "sh",
      "-c",
      `${ofItsUser} [ "$(stat -c %u $p)" = $user ] && echo $p; done | head -n 1`,
    );
    const look = `
import json, os
outcomes = []
for act in (lambda: open("/proc/${process.trim()}/environ").read(), lambda: os.kill(${process.trim()}, 0), lambda: os.listdir("/run/letta-tools")):
    try:
        act()
        outcomes.append("open")
    except OSError as error:
        outcomes.append(error.strerror)
return json.dumps(outcomes)`;
    expect(await toolResult(endpoint, look, other.user)).toEqual([
      "Permission denied",
      "Operation not permitted",
      "Permission denied",
    ]);
    await inServer("touch", `/run/letta-tools/${folder}/seen`);
    expect((await running).tool_return).toBe("True");
  });

  test("leave a process behind, whether it hides or forks without end", async () => {
    const lines = `
import os
if os.fork() == 0:
    os.setsid()
    while True:
        if os.fork() != 0:
            os._exit(0)
return "left"`;
    expect((await runTool(endpoint, lines, one.user)).tool_return).toBe("left");
    await expect.poll(processUsers, { timeout: 120_000 }).toEqual(["0"]);
  });

  test("exceed its processes, memory or file size, and Letta keeps working", async () => {
    const forks = `
import os, signal, time
count = 0
try:
    while True:
        if os.fork() == 0:
            time.sleep(60)
        count += 1
except OSError as error:
    return str(count)`;
    expect(Number((await runTool(endpoint, forks, one.user)).tool_return)).toBeLessThan(128);
    const memory = await runTool(endpoint, "return str(len(bytearray(8 * 2**30)))", one.user);
    expect(memory).toMatchObject({ status: "error", stderr: [expect.stringMatching(/MemoryError\n$/)] });
    const killed = await runTool(endpoint, "return str(len(bytearray(3 * 2**30)))", one.user);
    expect(killed.tool_return).toContain("ToolEndedError: Killed");
    const file = await runTool(endpoint, 'open("big", "wb").write(bytes(65 * 2**20))\nreturn "written"', one.user);
    expect(file.tool_return).toContain("File too large");
    expect((await runTool(endpoint, 'return "goes on"', other.user)).tool_return).toBe("goes on");
  });

  test("reach Redis without a password", async () => {
    const lines = `
import socket
with socket.create_connection(("letta-redis", 6379), timeout=10) as connection:
    connection.sendall(b"GET a\\r\\n")
    return connection.recv(100).decode()`;
    expect((await runTool(endpoint, lines, one.user)).tool_return).toContain("NOAUTH");
  });
});

describe("Letta itself never", () => {
  const mark = "/run/thoth-letta/made-by-a-tool";
  const isMade = async () => (await inServer("sh", "-c", `ls ${mark} 2>/dev/null; rm -f ${mark}`)) !== "";

  test("evaluates the annotation of a tool's parameter", async () => {
    const code = `open("${mark}", "w")`;
    for (const annotation of ["exec", "eval", `(lambda: ${code.replaceAll('"', "'")})()`]) {
      const source_code = toolSource("return 'ran'", `text: "${annotation}"`);
      const json_schema = {
        name: "probe",
        description: "Probes.",
        parameters: { type: "object", properties: { text: { type: "string" } }, required: [] },
      };
      await askForTool(endpoint, { source_code, json_schema, args: { text: code } }, one.user);
      expect(await isMade(), annotation).toBe(false);
    }
  });

  test.each([
    ["plainly", { $ref: "/run/thoth-letta/schema.json" }],
    [
      "in a text that ends early where it is read as YAML",
      { description: `"', $ref: /run/thoth-letta/schema.json, x: 'y` },
    ],
  ])("reads the file that a tool's schema names %s", async (_, text) => {
    const schema = JSON.stringify({ type: "object", properties: { not_the_projects: { type: "string" } } });
    await inServer("sh", "-c", `echo '${schema}' >/run/thoth-letta/schema.json`);
    const args_json_schema = { title: "Args", type: "object", properties: { text, plain: { type: "string" } } };
    // What is made of the schema stands in the tool's own file.
    const source_code = toolSource("return open('tool.py').read()", "plain: str");
    const { text: said } = await askForTool(
      endpoint,
      { source_code, args_json_schema, args: { plain: "a" } },
      one.user,
    );
    await inServer("rm", "/run/thoth-letta/schema.json");
    expect(said).not.toContain("not_the_projects");
  });

  test("takes a tool whose packages the image has, and refuses one with others, by their names", async () => {
    const { url, password } = endpoint;
    const headers = { authorization: `Bearer ${password}`, "content-type": "application/json", user_id: one.user };
    const change = async (method: string, id: string, pip_requirements: object[]) => {
      const body = JSON.stringify({ source_code: toolSource("return 'ran'"), pip_requirements });
      const response = await fetch(`${url}/v1/tools/${id}`, { method, headers, body });
      return { status: response.status, said: await response.text() };
    };
    const made = await change("POST", "", [{ name: "pydantic" }]);
    expect(made.status).toBe(200);
    const { id } = JSON.parse(made.said) as { id: string };
    const refusal = {
      status: 400,
      said: expect.stringMatching(/no-such-package is not in .*pydantic .*not 1\.0.*security\.md/),
    };
    const wrong = [{ name: "no-such-package" }, { name: "pydantic", version: "1.0" }];
    expect(await change("POST", "", wrong)).toEqual(refusal);
    expect(await change("PATCH", id, wrong)).toEqual(refusal);
    const run = await askForTool(endpoint, { source_code: toolSource("return 1"), pip_requirements: wrong }, one.user);
    expect(run.text).toContain("no-such-package is not in Letta's image");
  });

  test("makes a venv for a project, which installs and runs what the project names", async () => {
    const headers = {
      authorization: `Bearer ${endpoint.password}`,
      "content-type": "application/json",
      user_id: one.user,
    };
    const call = (method: string, path: string, body?: unknown) =>
      fetch(`${endpoint.url}/v1/sandbox-config/${path}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
    const made = await call("POST", "local/default");
    const { id } = (await made.json()) as { id: string };
    const venv = { use_venv: true, sandbox_dir: "/run/thoth-letta", venv_name: "venv" };
    for (const [method, path, body] of [
      ["PATCH", id, { config: venv }],
      ["POST", "local", venv],
      ["POST", "local", { pip_requirements: [{ name: "left-pad" }] }],
    ] as const) {
      const refused = await call(method, path, body);
      expect([refused.status, await refused.text()]).toEqual([400, expect.stringContaining("docs/security.md")]);
    }
    // An installation may have been adopted with one.
    await stacks.psql(`update sandbox_configs set config = '${JSON.stringify(venv)}' where id = '${id}'`, "letta");
    expect((await runTool(endpoint, "return 'ran'", one.user)).tool_return).toBe("ran");
    const missing = await runTool(endpoint, "import no_such_package", one.user);
    expect(missing.tool_return).toMatch(/no_such_package.*docs\/security.md/);
    expect(await inServer("ls", "/run/thoth-letta")).not.toContain("venv\n");
    await call("DELETE", id);
  });
});
