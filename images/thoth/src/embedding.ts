import { countWords, words } from "./words.ts";

/** Length of every embedding; the `vector` column of the table has the same. */
export const EMBEDDING_DIMENSIONS = 256;

/**
 * What search answers say about their vectors. They come from a hash of the words and not from a model: texts that
 * share words are near each other, texts that share only their meaning are not. It needs no network, no key and no
 * memory, and the same text has the same vector on every machine, which is all a stand-in can promise.
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

/** Embeds a text as a vector of length one, or all zeros where the text has no words. */
export function embed(text: string): number[] {
  const vector = new Array<number>(EMBEDDING_DIMENSIONS).fill(0);
  for (const [word, count] of countWords(words(text))) {
    const value = hash(word);
    const place = value % EMBEDDING_DIMENSIONS;
    // The sign is a bit the place does not use, so that words that fall on one place cancel out as often as they add.
    const sign = value & 0x8000_0000 ? -1 : 1;
    vector[place] = (vector[place] ?? 0) + sign * (1 + Math.log(count));
  }
  const length = Math.hypot(...vector);
  return length === 0 ? vector : vector.map((value) => value / length);
}

/** Writes a vector the way pgvector reads it. */
export function toVectorLiteral(vector: readonly number[]): string {
  return `[${vector.join(",")}]`;
}
