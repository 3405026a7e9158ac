import { createCipheriv, createDecipheriv, randomBytes, scrypt } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { projectEnvironment } from "../checkout.ts";

/** JSON encrypted with the stacks' passphrase; each part in base64. */
export interface Sealed {
  readonly salt: string;
  readonly nonce: string;
  readonly tag: string;
  readonly text: string;
}

const cipher = "aes-256-gcm";

/** Encrypts a value. @returns undefined where there is no passphrase: the stacks use another provider of secrets */
export async function seal(value: unknown): Promise<Sealed | undefined> {
  const [salt, nonce] = [randomBytes(16), randomBytes(12)];
  const key = await keyOf(salt);
  if (key === undefined) return undefined;
  const sealing = createCipheriv(cipher, key, nonce);
  const text = Buffer.concat([sealing.update(JSON.stringify(value)), sealing.final()]);
  const parts = { salt, nonce, tag: sealing.getAuthTag(), text };
  return Object.fromEntries(
    Object.entries(parts).map(([name, part]) => [name, part.toString("base64")]),
  ) as unknown as Sealed;
}

/** The value that was encrypted; undefined with another passphrase, and for what was changed since. */
export async function unseal<Value>(sealed: Sealed): Promise<Value | undefined> {
  const part = (name: keyof Sealed) => Buffer.from(sealed[name], "base64");
  const key = await keyOf(part("salt"));
  if (key === undefined) return undefined;
  try {
    const opening = createDecipheriv(cipher, key, part("nonce")).setAuthTag(part("tag"));
    return JSON.parse(Buffer.concat([opening.update(part("text")), opening.final()]).toString()) as Value;
  } catch {
    return undefined;
  }
}

/** Scrypt, as an operator's own passphrase may be short; 50 ms, while the engine is asked. */
async function keyOf(salt: Buffer): Promise<Buffer | undefined> {
  const { PULUMI_CONFIG_PASSPHRASE: given, PULUMI_CONFIG_PASSPHRASE_FILE: file = "" } = projectEnvironment();
  const passphrase = given ?? (existsSync(file) ? readFileSync(file, "utf8").trim() : undefined);
  if (passphrase === undefined) return undefined;
  return await promisify<string, Buffer, number, Buffer>(scrypt)(passphrase, salt, 32);
}
