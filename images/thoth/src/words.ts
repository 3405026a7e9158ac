/** Stop words. */
const COMMON_WORDS = new Set(
  `a about above after again against all also although always among an and any are as at be because been before being
  below between both but by can cannot could did do does doing done down during each either else et etc even ever every
  few for from further had has have having he hence her here hers him his how however i if in into is it its itself just
  least less like made make many may me might more most much must my neither no nor not now of off often on once one
  only or other our ours out over own per same she should show shown shows since so some such than that the their
  theirs them then there therefore these they this those through thus to together too two under until up upon us use
  used uses using very via was we well were what when where whether which while who whom whose why will with within
  without would yet you your yours`.split(/\s+/),
);

/** Splits a text into lower-case words of at least two characters, without stop words. */
export function words(text: string): string[] {
  const found =
    text
      .normalize("NFKC")
      .toLowerCase()
      .match(/[\p{L}\p{N}]+/gu) ?? [];
  return found.filter((word) => word.length > 1 && !COMMON_WORDS.has(word));
}

/** Counts how often each word occurs. */
export function countWords(list: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const word of list) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}

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
