-- Upstream's image has Letta's tables and the extension in a schema of their own, and no schema public.
create schema letta;
alter database letta set search_path to letta;
create extension vector schema letta;
drop schema public cascade;
