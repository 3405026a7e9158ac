#!/bin/sh
# Postgres is a child of what becomes the server: nobody stops it when the container stops.
set -e
if [ -z "$LETTA_PG_URI" ]; then
  docker-entrypoint.sh postgres &
  until psql -h 127.0.0.1 -U letta -d letta -qc 'select 1' >/dev/null 2>&1; do sleep 0.2; done
  export LETTA_PG_URI=postgresql://letta:letta@127.0.0.1:5432/letta
fi
alembic upgrade head
exec letta server --host 0.0.0.0 --port 8283
