import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { fakeEngine } from "./fake-engine.ts";
import { temporaryFolder, withEnvironment } from "./temporary.ts";

/** What a fake program says to one call. */
export interface FakeAnswer {
  readonly stdout?: string;
  readonly stderr?: string;
  readonly exitCode?: number;
}

/**
 * Start of a command line -> its answers, one a call, the last one for all later calls. The first entry that fits counts. A call
 * that none fits fails the test.
 */
export type FakeAnswers = Readonly<Record<string, FakeAnswer | readonly FakeAnswer[]>>;

/** Programs that answer from tables and write down what they were asked. */
export interface FakePrograms {
  /** The command line of each call so far, `program argument argument`, oldest first. */
  readonly calls: () => string[];
  /** What was last given on standard input to a command `run`. */
  readonly lastInput: () => string;
}

/** Puts fake programs, name -> answers, first on PATH until the running test ends; `docker` also answers as the engine's API. */
export function fakePrograms(programs: Readonly<Record<string, FakeAnswers>>): FakePrograms {
  const folder = temporaryFolder();
  for (const [name, answers] of Object.entries(programs)) {
    writeFileSync(join(folder, name), programText(folder, name, answers));
    chmodSync(join(folder, name), 0o755);
  }
  withEnvironment({ PATH: `${folder}:${process.env.PATH}` });
  if (programs.docker !== undefined) fakeEngine(folder);
  const read = (name: string) => (existsSync(join(folder, name)) ? readFileSync(join(folder, name), "utf8") : "");
  onTestFinished(() => expect(read("unexpected"), "calls that the test does not expect").toBe(""));
  return { calls: () => read("calls").split("\0").slice(0, -1), lastInput: () => read("input") };
}

/** A few built-ins of the shell: starting it takes a hundredth of what Node would. */
function programText(folder: string, name: string, answers: FakeAnswers): string {
  const branches = Object.entries(answers).map(([start, given], rule) => {
    const all = [given].flat();
    for (const [index, { stdout = "", stderr = "", exitCode = 0 }] of all.entries()) {
      const contents = { out: stdout, err: stderr, code: `${exitCode}\n` };
      for (const [end, text] of Object.entries(contents)) {
        writeFileSync(join(folder, `${name}.${rule}.${index + 1}.${end}`), text);
      }
    }
    return `  ${quote(start)}*) rule=${name}.${rule} last=${all.length} ;;`;
  });
  return `#!/bin/sh
cd ${quote(folder)} || exit 99
printf '%s\\0' "${name} $*" >> calls
case "$*" in
${branches.join("\n")}
  *) printf '%s\\n' "${name} $*" >> unexpected; echo "the fake ${name} has no answer to: $*" >&2; exit 99 ;;
esac
[ "$1" = run ] && cat > input
count=1
# Only where it matters: calls with one answer may come at the same time.
if [ $last -gt 1 ]; then
  [ -f $rule.count ] && read -r count < $rule.count && count=$((count + 1))
  [ $count -le $last ] || count=$last
  echo $count > $rule.count
fi
cat $rule.$count.out
cat $rule.$count.err >&2
read -r code < $rule.$count.code
exit $code
`;
}

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`;
