import { randomBytes } from "node:crypto";
import { convergingProvider, haveSame } from "../lib/converging-provider.ts";
import { lettaOwner } from "../lib/names.ts";

/** Inputs of the LoginSeeds resource. */
export interface LoginSeedsInputs {
  /** `owner/generation` of all credentials that are valid. */
  readonly valid: string[];
}

/** Its outputs. */
export interface LoginSeedsOutputs {
  /** `owner/generation` -> what those credentials derive from; secret. Empty: the stack's first seed. */
  readonly seeds: Readonly<Record<string, string>>;
}

/**
 * A random seed for each owner and generation of credentials, dropped when that generation is no longer valid.
 *
 * What is valid when the resource is created uses the first seed: passwords of an older installation stay what they are.
 * A `RandomPassword` each would do the same, but one that survives a destroy is protected, and Pulumi does not delete a
 * protected resource; and a hundred of them make every update slower.
 */
const provider = convergingProvider<LoginSeedsInputs, LoginSeedsOutputs>({
  id: () => "login-seeds",
  isCurrent: (olds, news) => haveSame(olds, news, ["valid"]),
  ensure: async (news, olds) => ({ seeds: olds === undefined ? ofFirstSeed(news) : nextSeeds(news, olds) }),
});
export default provider;

function ofFirstSeed({ valid }: LoginSeedsInputs): Record<string, string> {
  return Object.fromEntries(valid.map((key) => [key, ""]));
}

function nextSeeds({ valid }: LoginSeedsInputs, olds: LoginSeedsInputs & LoginSeedsOutputs): Record<string, string> {
  const owners = new Set(valid.map(ownerOf));
  // A project that was removed finds its passwords again when it comes back, until the next rotation of everything.
  const isRotated = newestOf(lettaOwner, valid) !== newestOf(lettaOwner, olds.valid);
  const removed = isRotated ? [] : Object.keys(olds.seeds).filter((key) => !owners.has(ownerOf(key)));
  return Object.fromEntries([
    ...removed.map((key) => [key, olds.seeds[key] as string]),
    ...valid.map((key) => [key, olds.seeds[key] ?? randomBytes(48).toString("base64url")]),
  ]);
}

const ownerOf = (key: string) => key.slice(0, key.lastIndexOf("/"));

/** The first one of each owner is its newest. */
const newestOf = (owner: string, valid: readonly string[]) => valid.find((key) => ownerOf(key) === owner);
