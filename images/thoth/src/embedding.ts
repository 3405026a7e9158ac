import { countWords, words } from "./words.ts";

/** Length of an embedding and of the table's `vector` column. */
export const EMBEDDING_DIMENSIONS = 256;

/**
 * Describes the vectors in search results. They are hashes of words, not from a model: texts that share words are close,
 * texts that only share their meaning are not. This needs no network, key or memory, and is the same on every machine.
 */
export const EMBEDDING_NOTE = {
  kind: "hash",
  dimensions: EMBEDDING_DIMENSIONS,
  note: "Words are hashed, no model is asked: only texts that share words are found.",
} as const;

/** FNV-1a over UTF-16 code units: 32 bits, the same on every machine. */
function hash(word: string): number {
  let value = 0x811c9dc5;
  for (let index = 0; index < word.length; index++) {
    value = Math.imul(value ^ word.charCodeAt(index), 0x01000193);
  }
  return value >>> 0;
}

/** Embeds a text as a unit vector, or as zeros if it has no words. */
export function embed(text: string): number[] {
  const vector = new Array<number>(EMBEDDING_DIMENSIONS).fill(0);
  for (const [word, count] of countWords(words(text))) {
    const value = hash(word);
    const place = value % EMBEDDING_DIMENSIONS;
    // The sign comes from a bit the place does not use, so that colliding words cancel out as often as they add up.
    const sign = value & 0x8000_0000 ? -1 : 1;
    vector[place] = (vector[place] ?? 0) + sign * (1 + Math.log(count));
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** A vector as pgvector reads it. */
export function toVectorLiteral(vector: readonly number[]): string {
  return `[${vector.join(",")}]`;
}
