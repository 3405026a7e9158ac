"""Lets Letta's server prepare each statement once per connection instead of once per execution.

Letta 0.16.8 turns both caches of prepared statements off (letta/server/db.py), in case a PgBouncer gives each transaction
another session. There is none here, and without a cache each of the dozens of queries per message takes another round trip
and is planned again. See docs/decisions/0015.
"""

# Per connection; the least recently used are dropped. Each takes up to 200 KiB in Postgres, and a message needs fewer.
STATEMENTS = 50


def keep_statements_prepared() -> None:
    """Must run before Letta opens its first connection."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "do_connect", prepare_once)


def prepare_once(_dialect, _record, _arguments, options: dict) -> None:
    if options.get("prepared_statement_cache_size") == 0:
        options["prepared_statement_cache_size"] = STATEMENTS
        # Random names, also for PgBouncer.
        options.pop("prepared_statement_name_func", None)
