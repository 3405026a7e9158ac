import { describe, expect, test } from "vitest";
import { EMBEDDING_DIMENSIONS, embed, toVectorLiteral } from "../../../images/thoth/src/embedding.ts";
import { cleanText, isPaperPath, titleOf } from "../../../images/thoth/src/paper-file.ts";
import { extractKeywords, words } from "../../../images/thoth/src/words.ts";

const similarity = (one: string, other: string) => {
  const vector = embed(other);
  return embed(one).reduce((sum, value, index) => sum + value * (vector[index] ?? 0), 0);
};

test("words have letters of every script; stop words are dropped", () => {
  expect(words("The Größe of a naïve model, 3.5 日本語")).toEqual(["größe", "naïve", "model", "日本語"]);
});

describe("embed", () => {
  test("is a vector of length one, and stable, because stored ones are compared with new ones", () => {
    const vector = embed("graph neural network");
    expect(vector).toHaveLength(EMBEDDING_DIMENSIONS);
    expect(Math.hypot(...vector)).toBeCloseTo(1);
    const places = vector.flatMap((value, place) => (value === 0 ? [] : [place * Math.sign(value)]));
    expect(places).toEqual([6, -71, 197]);
  });

  test("places texts that share words closer than others", () => {
    const paper = "Graph neural networks learn from molecules";
    expect(similarity(paper, "neural networks for graphs")).toBeGreaterThan(similarity(paper, "bread with butter"));
  });

  test("is all zeros for a text without words, which pgvector can store", () => {
    expect(toVectorLiteral(embed("?!"))).toBe(`[${new Array(EMBEDDING_DIMENSIONS).fill(0).join(",")}]`);
  });
});

describe("extractKeywords", () => {
  test("picks the most frequent words, those of the title first", () => {
    const text = "Cells divide. Cells grow. Membranes of cells and membranes of organelles.";
    expect(extractKeywords("Mitosis", text, 3)).toEqual(["cells", "mitosis", "membranes"]);
  });

  test("leaves out numbers and very short words, and sorts ties", () => {
    expect(extractKeywords("", "2024 ab zebra apple 17 of the", 5)).toEqual(["apple", "zebra"]);
  });
});

describe("paper files", () => {
  test("are texts and PDFs that are not hidden", () => {
    expect(["a.md", "b.TXT", "deep/c.pdf"].every(isPaperPath)).toBe(true);
    expect(["a.docx", ".hidden.md", "README"].some(isPaperPath)).toBe(false);
  });

  test("have the title they declare, or else their file name", () => {
    expect(titleOf("x.md", '---\ntags: [a]\ntitle: "On Growth"\n---\n# Other')).toBe("On Growth");
    expect(titleOf("x.md", "intro\n\n# On Form #\n")).toBe("On Form");
    expect(titleOf("x.txt", "# a comment")).toBe("x");
    expect(titleOf("deep/attention_is-all.pdf", "")).toBe("attention is all");
  });

  test("lose the characters that Postgres cannot store", () => {
    expect(cleanText(Buffer.from("a\0b\xff", "latin1"))).toBe("ab\uFFFD");
  });
});
