import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, extname, join } from "node:path";
import type { PaperFile } from "./papers.ts";

/** Extensions of papers. A PDF is only hashed; its title is its file name. */
const PAPER_EXTENSIONS: ReadonlySet<string> = new Set([".md", ".txt", ".pdf"]);

/** Longest text stored, in bytes; longer ones are truncated. */
const TEXT_LIMIT = 4 * 1024 * 1024;

/** Whether a path is a paper's; hidden files belong to editors and sync tools. */
export function isPaperPath(path: string): boolean {
  return PAPER_EXTENSIONS.has(extname(path).toLowerCase()) && !basename(path).startsWith(".");
}

/** Reads a file: its hash, its title and, unless it is a PDF, its text. */
export async function readPaperFile(folder: string, path: string): Promise<PaperFile> {
  const file = join(folder, path);
  const { size, mtime } = await stat(file);
  const isText = extname(path).toLowerCase() !== ".pdf";
  const hash = createHash("sha256");
  const start: Buffer[] = [];
  let kept = 0;
  for await (const chunk of createReadStream(file) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    if (!isText || kept >= TEXT_LIMIT) continue;
    start.push(chunk.subarray(0, TEXT_LIMIT - kept));
    kept += chunk.length;
  }
  const content = cleanText(Buffer.concat(start));
  return {
    path,
    sha256: hash.digest("hex"),
    title: titleOf(path, content),
    content,
    sizeBytes: size,
    modifiedAt: mtime,
  };
}

/** Decodes a text without NUL, which Postgres cannot store. */
export function cleanText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).replaceAll("\0", "");
}

/** The title: from the front matter, else the first heading, else the file name. */
export function titleOf(path: string, content: string): string {
  const frontMatter = /^---\r?\n([\s\S]*?)\r?\n---/.exec(content)?.[1] ?? "";
  const declared = /^title:\s*(["']?)(.+?)\1\s*$/m.exec(frontMatter)?.[2];
  const heading = /^#\s+(.+?)\s*#*\s*$/m.exec(content)?.[1];
  const fileName = basename(path, extname(path)).replace(/[_-]+/g, " ").trim();
  return declared ?? (extname(path).toLowerCase() === ".md" ? heading : undefined) ?? (fileName || path);
}
