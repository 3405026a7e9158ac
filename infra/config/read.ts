import * as pulumi from "@pulumi/pulumi";
import type { z } from "zod";
import { UserError } from "../lib/errors.ts";
import { projectName } from "../lib/names.ts";

/** The raw config of one stack: key without namespace -> value as YAML or `pulumi config set` gave it. */
export type RawConfig = Readonly<Record<string, unknown>>;

/** Reads this project's keys of the running stack. Secret values are in plain text: wrap them where they are used. */
export function readStackConfig(): RawConfig {
  const prefix = `${projectName}:`;
  const entries = Object.entries(pulumi.runtime.allConfig()).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(entries.map(([key, value]) => [key.slice(prefix.length), parseValue(value)]));
}

/** Keys of the previous version -> the message that refuses them: their new name, or why they are gone. */
const formerKeys: Readonly<Record<string, string>> = {
  "ports.sse": "is ports.gateway now",
  "sizes.nginx": "is sizes.gateway now",
  "backup.engine": "is backup.enabled now: true or false",
  "backup.rpoZero": "is gone: nothing makes commits wait for a second copy any more; see docs/promises.md",
  "backup.rpoZeroWaitSeconds": "is gone with backup.rpoZero",
};

/** Refuses a key that does not go with another; the fix is to remove it. */
export function refuseKey(context: z.RefinementCtx, path: string[], message: string): void {
  context.addIssue({ code: "custom", path, message, params: { isTooMuch: true } });
}

/**
 * Checks raw config against a schema.
 *
 * @throws UserError with every mistake in one message: the key, what is wrong, and the command that fixes it
 */
export function parseConfig<Schema extends z.ZodType>(schema: Schema, raw: RawConfig, stack: string): z.output<Schema> {
  const first = schema.safeParse(raw);
  const result = first.success ? first : schema.safeParse(convert(raw, first.error.issues));
  if (result.success) return result.data;
  const mistakes = result.error.issues.flatMap((issue) => describeIssue(issue, stack));
  const count = mistakes.length === 1 ? "1 mistake" : `${mistakes.length} mistakes`;
  throw new UserError(`${count} in Pulumi.${stack}.yaml:\n${mistakes.map((mistake) => `  - ${mistake}`).join("\n")}`);
}

function describeIssue(issue: z.core.$ZodIssue, stack: string): string[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const path = formatKey([...issue.path, key]);
      const now = formerKeys[path.slice(`${projectName}:`.length)];
      if (now !== undefined) return `${path}: ${now}\n    fix: pulumi config rm --path '${path}' -s ${stack}`;
      return `${path}: no such key\n    fix: pulumi config rm --path '${path}' -s ${stack}`;
    });
  }
  const path = formatKey(issue.path);
  if (issue.code === "invalid_key") {
    return [`${path}: ${issue.issues[0]?.message}\n    fix: pulumi config rm --path '${path}' -s ${stack}`];
  }
  const isTooMuch = issue.code === "custom" && issue.params?.isTooMuch === true;
  const fix = isTooMuch ? `rm --path '${path}'` : `set --path '${path}' VALUE`;
  return [`${path}: ${issue.message}\n    fix: pulumi config ${fix} -s ${stack}`];
}

function formatKey(path: readonly PropertyKey[]): string {
  const joined = path.map(formatPart).join("");
  return `${projectName}:${joined.replace(/^\./, "")}`;
}

/** In the syntax of `pulumi config --path`. */
function formatPart(part: PropertyKey): string {
  if (typeof part === "number") return `[${part}]`;
  return /^[\w-]+$/.test(String(part)) ? `.${String(part)}` : `["${String(part)}"]`;
}

/** Pulumi passes every value as text, in which objects and lists are JSON. */
function parseValue(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/**
 * The config with each value in the type its key has. Pulumi does not know the types: `config set release 20260304` arrives
 * as text, `config set --path env.PORT 80` as a number, and `--path sizes.server.cpus 0.5` as text again.
 */
function convert(raw: RawConfig, issues: readonly z.core.$ZodIssue[]): unknown {
  const config = structuredClone(raw);
  for (const issue of issues) {
    if (issue.code !== "invalid_type") continue;
    const place = issue.path.slice(0, -1).reduce<unknown>((parent, key) => Reflect.get(Object(parent), key), config);
    const key = issue.path.at(-1);
    if (key === undefined || typeof place !== "object" || place === null) continue;
    Reflect.set(place, key, converted(Reflect.get(place, key), issue.expected));
  }
  return config;
}

/** The same value in another type, where that loses nothing. */
function converted(value: unknown, expected: z.core.$ZodIssueInvalidType["expected"]): unknown {
  if (expected === "string" && (typeof value === "boolean" || isExact(value))) return String(value);
  if (typeof value !== "string") return value;
  if (expected === "number" && value.trim() !== "" && isExact(Number(value))) return Number(value);
  if (expected === "boolean" && /^(true|false)$/.test(value)) return value === "true";
  return value;
}

/** False for a number whose last digits were lost when it was read. */
function isExact(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && Math.abs(value) <= Number.MAX_SAFE_INTEGER;
}
