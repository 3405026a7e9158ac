import type { Shell } from "zx";
import type { Deps } from "../lib/deps.ts";
import { redact } from "../lib/redact.ts";

/** Deps whose lines, and those of the programs they run, go to standard error: standard output is for one JSON object. */
export function machineDeps(deps: Deps): Deps {
  const $ = new Proxy(deps.$, {
    apply(shell, self, args: unknown[]) {
      const [first, ...rest] = args;
      const wantsTerminal = isOptions(first) && first.stdio === "inherit";
      return Reflect.apply(shell, self, wantsTerminal ? [{ ...first, stdio: ["inherit", 2, 2] }, ...rest] : args);
    },
  }) as Shell;
  return { ...deps, $, isTerminal: false, print: (line) => console.error(redact(line)) };
}

function isOptions(value: unknown): value is { stdio?: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
