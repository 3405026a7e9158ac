import { pages, readPage } from "./pages.ts";

/** A block of commands in a page, indented by four spaces, or of keys for a stack's config file. */
export interface Block {
  readonly page: string;
  /** Of its first line, from 1. */
  readonly line: number;
  /** What a reader types, a line each. Where lines start with `$ `, these. */
  readonly commands: readonly string[];
  /** What the page says that the commands print; empty where no line starts with `$ `. */
  readonly printed: readonly string[];
  /** YAML of keys that go under `config`; empty if there are none. */
  readonly config: string;
  /** What the comment right before it says. */
  readonly mark: Mark | undefined;
}

/** Why no test runs the block, which files do that instead, or why it prints something else in a test. */
type Mark = { readonly skipped: string } | { readonly elsewhere: string } | { readonly differs: string };

const markForms = {
  skipped: /^not run by the tests: (\S.*)$/s,
  elsewhere: /^run by (test\/[\w./-]+\.test\.ts\b.*)$/s,
  differs: /^its output differs in the tests: (\S.*)$/s,
};
/** A comment that is meant as a mark, with the end of its line. */
const markComment = /^<!--\s*((?:not run|run|its output)\b.*?)\s*-->\n/gms;
const blockText = /(?<=\n\n|-->\n)(?: {4}.*\n(?:\n(?= {4}))?)+/g;

/** The blocks of a page's text. Fenced code is not among them: it is of other languages. */
export function blocksIn(page: string, text: string): Block[] {
  const marks = marksIn(text);
  return [...text.replaceAll(/^```.*?^```$/gms, hidden).matchAll(blockText)].flatMap(({ 0: found, index }) => {
    const lines = found.replaceAll(/^ {4}/gm, "").trimEnd().split("\n");
    const block = { ...partsOf(lines), page, line: lineAt(text, index), mark: marks.get(index)?.mark };
    return block.commands.length > 0 || block.config !== "" ? [block] : [];
  });
}

/** Of the same length, so that what follows stays where it is. */
const hidden = (text: string) => text.replaceAll(/[^\n]/g, "`");
const lineAt = (text: string, index: number) => text.slice(0, index).split("\n").length;

function partsOf(lines: readonly string[]): Pick<Block, "commands" | "printed" | "config"> {
  const isPrompt = (line: string) => line.startsWith("$ ");
  const typed = lines.filter(isPrompt).map((line) => line.slice(2));
  const others = lines.filter((line) => !isPrompt(line) && line !== "");
  if (lines[0]?.startsWith("thoth-letta:")) return { commands: typed, printed: [], config: others.join("\n") };
  if (typed.length > 0) return { commands: typed, printed: others, config: "" };
  // A program with its arguments: no file, key, assignment or diagram.
  return { commands: /^[a-z][\w-]*(?: |$)/.test(lines[0] ?? "") ? others : [], printed: [], config: "" };
}

/** Where what follows a mark begins -> what the mark says; no `mark` for one in another form. */
function marksIn(text: string): Map<number, { readonly said: string; readonly mark: Mark | undefined }> {
  const found = [...text.matchAll(markComment)];
  return new Map(
    found.map(({ 0: whole, 1: said = "", index }) => [index + whole.length, { said, mark: markOf(said) }] as const),
  );
}

function markOf(said: string): Mark | undefined {
  for (const [form, pattern] of Object.entries(markForms)) {
    const value = pattern.exec(said)?.[1];
    if (value !== undefined) return { [form]: value } as Mark;
  }
  return undefined;
}

/** What is wrong with the marks of a page: one in another form, or with no block after it. */
export function wrongMarks(page: string, text: string): string[] {
  const lines = new Set(blocksIn(page, text).map(({ line }) => line));
  return [...marksIn(text)].flatMap(([end, { said, mark }]) => {
    if (mark === undefined) return [`"${said}": no reason, or no test file`];
    return lines.has(lineAt(text, end)) ? [] : [`"${said}": no block follows`];
  });
}

/** The blocks of all pages but the records of decisions, which tell how it was. */
export const blocks = pages
  .filter((page) => !page.startsWith("docs/decisions/"))
  .flatMap((page) => blocksIn(page, readPage(page)));
