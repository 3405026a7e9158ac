import type { Database } from "./database.ts";
import { embed, toVectorLiteral } from "./embedding.ts";

/** A paper in lists and search results. */
export interface PaperSummary {
  readonly id: string;
  readonly title: string;
  readonly path: string;
  readonly keywords: readonly string[] | null;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
  readonly deletedAt: Date | null;
}

/** A paper with its text, which is empty for a PDF. */
export interface Paper extends PaperSummary {
  readonly sha256: string;
  readonly content: string;
  readonly addedAt: Date;
}

/** A paper's file in the vault. */
export interface PaperFile {
  readonly path: string;
  readonly sha256: string;
  readonly title: string;
  readonly content: string;
  readonly sizeBytes: number;
  readonly modifiedAt: Date;
}

const SUMMARY = `id, title, path, keywords, size_bytes::float8 as "sizeBytes", modified_at as "modifiedAt",
  deleted_at as "deletedAt"`;

/** All queries on papers. */
export class Papers {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  /** The papers now in the vault, newest first. */
  list(limit: number, offset: number): Promise<PaperSummary[]> {
    return this.#database.query(
      `select ${SUMMARY} from papers where deleted_at is null order by added_at desc, id limit $1 offset $2`,
      [limit, offset],
    );
  }

  async get(id: string): Promise<Paper | undefined> {
    const text = `select ${SUMMARY}, sha256, content, added_at as "addedAt" from papers where id = $1`;
    return (await this.#database.query<Paper & Record<string, unknown>>(text, [id]))[0];
  }

  /** Papers that share words with the query, closest first. */
  search(query: string, limit: number): Promise<(PaperSummary & { readonly similarity: number })[]> {
    // All vectors have length one (or zero, without words), so the inner product is the cosine. pgvector's operator returns
    // it negated, because an index scans in ascending order only.
    return this.#database.query(
      `select ${SUMMARY}, -(embedding <#> $1::vector) as similarity from papers
       where deleted_at is null and embedding <#> $1::vector < 0 order by embedding <#> $1::vector limit $2`,
      [toVectorLiteral(embed(query)), limit],
    );
  }

  /** Whether the file is stored as it is now, judged by size and time. */
  async isStored(path: string, sizeBytes: number, modifiedAt: Date): Promise<boolean> {
    const rows = await this.#database.query(
      "select 1 from papers where path = $1 and size_bytes = $2 and modified_at = $3 and deleted_at is null",
      [path, sizeBytes, modifiedAt],
    );
    return rows.length > 0;
  }

  /** Stores a file. A deleted one with the same bytes was moved: it keeps its id and keywords. */
  async save(file: PaperFile): Promise<void> {
    const embedding = toVectorLiteral(embed(`${file.title}\n${file.content}`));
    await this.#database.transaction(async (client) => {
      await client.query(
        `update papers set path = $1 where id = (
           select id from papers where sha256 = $2 and deleted_at is not null and path <> $1
           order by deleted_at desc limit 1
         ) and not exists (select from papers where path = $1)`,
        [file.path, file.sha256],
      );
      await client.query(
        `insert into papers (path, sha256, title, content, size_bytes, modified_at, embedding)
         values ($1, $2, $3, $4, $5, $6, $7)
         on conflict (path) do update set
           sha256 = excluded.sha256, title = excluded.title, content = excluded.content,
           size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, embedding = excluded.embedding,
           keywords = case when papers.sha256 = excluded.sha256 then papers.keywords end,
           updated_at = now(), deleted_at = null`,
        [file.path, file.sha256, file.title, file.content, file.sizeBytes, file.modifiedAt, embedding],
      );
    });
  }

  /** Marks a paper as deleted; its row and keywords stay. */
  async markDeleted(path: string): Promise<void> {
    await this.#database.query("update papers set deleted_at = now() where path = $1 and deleted_at is null", [path]);
  }

  /** Paths of all papers not marked as deleted. */
  async livePaths(): Promise<string[]> {
    const rows = await this.#database.query<{ path: string }>("select path from papers where deleted_at is null");
    return rows.map(({ path }) => path);
  }
}
