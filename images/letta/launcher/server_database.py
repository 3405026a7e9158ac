"""How Letta's server asks Postgres: each statement prepared once a connection, not once each time.

Letta 0.16.8 turns both caches of prepared statements off (letta/server/db.py), for a PgBouncer between it and Postgres that
hands each transaction another session. Here is none, and without a cache each of its queries, of which a message needs
dozens, is one more round trip, planned anew. See docs/decisions/0015.
"""

# On each connection, the least recently used go first. Each takes up to 200 KiB of Postgres' memory, and a message needs fewer.
STATEMENTS = 50


def keep_statements_prepared() -> None:
    """Must run before Letta's engine opens its first connection."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "do_connect", prepare_once)


def prepare_once(_dialect, _record, _arguments, options: dict) -> None:
    if options.get("prepared_statement_cache_size") == 0:
        options["prepared_statement_cache_size"] = STATEMENTS
        # A random name each time: for the same PgBouncer.
        options.pop("prepared_statement_name_func", None)
