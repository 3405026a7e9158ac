#!/bin/bash
# Lets one Postgres at a time use the data volume.
#
# Two containers on one volume are both PID 1 in namespaces of their own, so Postgres' own check of postmaster.pid sees
# nothing: both start, and what the second commits is lost (docker-library/postgres#171). A lock on the volume is held
# across namespaces, and goes with the last process that inherited it.
set -Eeuo pipefail
volume=$(dirname "$PGDATA")
exec 9>"$volume/.postgres.lock"
if ! flock --wait "${POSTGRES_LOCK_WAIT_SECONDS:-90}" 9; then
  echo "REFUSED: another Postgres holds $volume/.postgres.lock; stop the other container that uses this volume" >&2
  exit 75
fi
exec docker-entrypoint.sh "$@"
