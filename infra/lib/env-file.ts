import { readFileSync } from "node:fs";
import { UserError } from "./errors.ts";

/** What an env file says. */
export interface EnvFile {
  readonly values: Readonly<Record<string, string>>;
  /** Numbers of the lines that set nothing: no `=`, or a quote that does not end. */
  readonly unread: readonly number[];
}

/** A valid name of a shell variable. */
export const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/;

/**
 * The variables of an operator's env file, and in words what in it does not count.
 *
 * @throws UserError when the file cannot be read
 */
export function readEnvFile(path: string): { values: Record<string, string>; ignored: string[] } {
  const { values, unread } = parseEnvFile(readText(path));
  const entries = Object.entries(values);
  const misnamed = entries.filter(([name]) => !variableName.test(name)).map(([name]) => name);
  return {
    values: Object.fromEntries(entries.filter(([name]) => variableName.test(name))),
    ignored: [
      ...unread.map((line) => `line ${line}, which is not NAME=value`),
      ...misnamed.map((name) => `${name}, which is not a variable name`),
    ],
  };
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new UserError(
      `envFile ${path} cannot be read: ${(error as Error).message}`,
      "pulumi config set envFile PATH",
    );
  }
}

const blank = /\s*(?:#.*)?(?:\n|$)/y;
const nameAndSign = /[^\S\n]*(?:export[^\S\n]+)?(?:'(?<quoted>[^']+)'|(?!'|export\s)(?<plain>[^=#\s]+))[^\S\n]*=/y;
/** May have several lines. */
const quotedValue = /[^\S\n]*(?:'(?<single>(?:\\[\s\S]|[^'\\])*)'|"(?<double>(?:\\[\s\S]|[^"\\])*)")/y;
/** A number sign starts a comment only after a space: in `KEY=abc#def` it belongs to the value. */
const plainValue = /(?![^\S\n]*['"])(?<plain>.*?)(?=[^\S\n]+#|\n|$)/y;
const endOfLine = /[^\S\n]*(?:#.*)?(?:\n|$)/y;
const restOfLine = /.*(?:\n|$)/y;

/**
 * Reads an env file as python-dotenv does, which is what Thoth reads its `.env` with (docs/decisions/0055).
 *
 * `${NAME}` and `${NAME:-default}` stand for values further up in the file, never for variables of this host.
 */
export function parseEnvFile(source: string): EnvFile {
  const text = source.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const values: Record<string, string> = {};
  const unread: number[] = [];
  let position = 0;
  const take = (pattern: RegExp): Record<string, string | undefined> | undefined => {
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    if (match === null) return undefined;
    position = pattern.lastIndex;
    return match.groups ?? {};
  };
  while (position < text.length) {
    if (take(blank) !== undefined) continue;
    const line = text.slice(0, position).split("\n").length;
    const name = take(nameAndSign);
    const value = name && (take(quotedValue) ?? take(plainValue));
    if (name && value && take(endOfLine)) {
      values[String(name.quoted ?? name.plain)] = interpolated(textOf(value), values);
    } else {
      unread.push(line);
      take(restOfLine);
    }
  }
  return { values, unread };
}

/** The text of a value without its quotes. */
function textOf({ single, double, plain = "" }: Record<string, string | undefined>): string {
  if (single !== undefined) return single.replace(/\\([\\'])/g, "$1");
  if (double === undefined) return plain.trim();
  return double.replace(/\\([\\'"abfnrtv])/g, (_, letter: string) => controls[letter] ?? letter);
}

const controls: Readonly<Record<string, string>> = { a: "\x07", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v" };

function interpolated(value: string, known: Readonly<Record<string, string>>): string {
  return value.replace(/\$\{([^}:]*)(?::-([^}]*))?\}/g, (_, name: string, otherwise = "") =>
    Object.hasOwn(known, name) ? (known[name] ?? "") : otherwise,
  );
}
