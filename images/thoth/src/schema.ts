import { EMBEDDING_DIMENSIONS } from "./embedding.ts";

/**
 * The stand-in's tables are in a separate schema: Thoth has a table `papers` with other columns, and must not find ours when
 * it replaces the stand-in.
 */
export const SCHEMA = "thoth_stand_in";

/** Extensions the letta stack creates in each database; this role may not. */
export const EXTENSIONS = ["vector", "uuid-ossp"] as const;

/** Idempotent statements, run at every start of every role. */
export const MIGRATION = `
create schema if not exists ${SCHEMA};

create table if not exists ${SCHEMA}.papers (
  id uuid primary key default uuid_generate_v4(),
  path text not null unique,
  sha256 text not null,
  title text not null,
  content text not null,
  size_bytes bigint not null,
  modified_at timestamptz not null,
  embedding vector(${EMBEDDING_DIMENSIONS}) not null,
  keywords text[],
  added_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  deleted_at timestamptz
);
comment on column ${SCHEMA}.papers.path is 'relative to the folder thoth/papers of the vault';
comment on column ${SCHEMA}.papers.keywords is 'null until discovery has looked at the paper';
create index if not exists papers_sha256 on ${SCHEMA}.papers (sha256);
create index if not exists papers_without_keywords on ${SCHEMA}.papers (added_at) where keywords is null;
create index if not exists papers_embedding on ${SCHEMA}.papers using hnsw (embedding vector_ip_ops);

create table if not exists ${SCHEMA}.discovery_runs (
  id bigint generated always as identity primary key,
  started_at timestamptz not null,
  finished_at timestamptz not null default now(),
  papers_examined integer not null,
  papers_tagged integer not null
);
create index if not exists discovery_runs_started_at on ${SCHEMA}.discovery_runs (started_at);

create table if not exists ${SCHEMA}.agents (
  id text primary key,
  name text not null,
  remembered_at timestamptz not null default now(),
  lost_at timestamptz
);
comment on column ${SCHEMA}.agents.lost_at is 'when Letta answered that it no longer knows this agent';
create unique index if not exists agents_one_in_use on ${SCHEMA}.agents (name) where lost_at is null;
`;
