import { countWords, words } from "./words.ts";

/** Weight of a word in the title, relative to one in the text. */
const TITLE_WEIGHT = 3;

/** A paper's most frequent words, those of the title weighted; ties in alphabetical order. */
export function extractKeywords(title: string, text: string, limit = 8): string[] {
  const counts = countWords(words(text));
  for (const word of words(title)) counts.set(word, (counts.get(word) ?? 0) + TITLE_WEIGHT);
  return [...counts]
    .filter(([word]) => word.length > 2 && !/^\p{N}+$/u.test(word))
    .sort(([wordA, countA], [wordB, countB]) => countB - countA || (wordA < wordB ? -1 : 1))
    .slice(0, limit)
    .map(([word]) => word);
}
