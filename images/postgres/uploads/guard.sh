#!/bin/bash
# Lets one Postgres at a time use the data volume, and only a cluster that is whole and this stack's:
#
#   postgres-guard postgres …      becomes the image's own entrypoint, or refuses with exit code 75 or 76
#   postgres-guard set-aside       moves a half-made cluster aside within the volume
#
# Two containers on one volume have process ids of namespaces of their own, so Postgres' own check of postmaster.pid sees
# nothing: both start, and what the second commits is lost (docker-library/postgres#171). A lock on the volume is held
# across namespaces, and goes with the last process that inherited it.
#
# The published image takes a folder with PG_VERSION for a finished cluster, so one that was killed during its first
# start comes up without what the rest of that start makes, for ever (docker-library/postgres#891). So a first start is
# marked with .initialising, and its end with .initialised, which postgres-initialised.sh writes. A cluster without any
# mark is older than they are, or restored.
set -Eeuo pipefail
volume=$(dirname "$PGDATA")
export CLUSTER_VOLUME=$volume
as_postgres=()
if [[ $(id -u) == 0 ]]; then as_postgres=(setpriv --reuid=postgres --regid=postgres --init-groups --); fi
readonly as_postgres

refuse() {
  echo "REFUSED: $1" >&2
  exit "$2"
}

take_lock() {
  # It may be root's, of a time when this began as root: then it can be read, which is enough for a lock.
  if [[ ! -e $volume/.postgres.lock ]]; then : >"$volume/.postgres.lock"; fi
  exec 9<"$volume/.postgres.lock"
  flock --wait "${POSTGRES_LOCK_WAIT_SECONDS:-90}" 9 ||
    refuse "another Postgres holds $volume/.postgres.lock; stop the other container that uses this volume" 75
}

# Our own image makes its cluster in .first-start, and repeats a first start that was interrupted.
is_vacant() {
  [[ -d $PGDATA/.first-start || -z $(find "$PGDATA" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) ]]
}

is_half_made() {
  [[ -e $volume/.initialising && ! -e $volume/.initialised ]] && ! is_vacant
}

start() {
  # Not of set-aside: that is also read from the standard input, beside nothing.
  local here=${BASH_SOURCE[0]%/*}
  if [[ -e $volume/PG_VERSION ]]; then
    refuse "$volume has a cluster at its root, made by something else; this stack's are in $PGDATA" 76
  fi
  if is_half_made; then refuse "$PGDATA was left half-made by a first start that was interrupted" 76; fi
  prepare_volume
  if is_vacant; then
    rm -f "$volume/.initialised" "$volume/.initialising"
    touch "$volume/.initialising"
    sync "$volume/.initialising" "$volume"
    # The image wants one. The superuser comes over the socket alone, so nobody needs to know it.
    POSTGRES_PASSWORD=$(openssl rand -hex 32)
    export POSTGRES_PASSWORD
  fi
  # One that is not renewed in time is better than none.
  "${as_postgres[@]}" bash "$here/postgres-certificate" once || [[ -s $volume/tls/server.pem ]] ||
    refuse "no certificate for TLS could be made" 76
  start_helper postgres-certificate watch
  exec docker-entrypoint.sh "$@"
}

# Without the lock, which must go with Postgres, and as nobody's child here: what becomes Postgres is this process.
start_helper() {
  ("${as_postgres[@]}" bash "$here/$1" "${@:2}" 9>&- &)
}

# The folder of the socket by which the backup reaches Postgres: it sees the volume and is on no network.
prepare_volume() {
  # The marks are made by root and by Postgres.
  if [[ $(id -u) == 0 ]]; then chown postgres "$volume"; fi
  [[ -O $volume || $(id -u) == 0 ]] || refuse "$volume belongs to user $(stat -c %u "$volume"), not to Postgres ($(id -u))" 76
  "${as_postgres[@]}" mkdir -p -m 0755 "$volume/run" "$volume/tls"
  # Whoever made these is gone: the lock is ours. Postgres would take their process ids for living ones.
  rm -f "$volume/run/".s.PGSQL.* "$PGDATA/postmaster.pid"
}

set_aside() {
  if ! is_half_made; then
    refuse "$PGDATA is not a cluster whose first start was interrupted: nothing was changed" 76
  fi
  aside=$PGDATA.half-made.$(date -u +%Y%m%dT%H%M%SZ)
  mv -T "$PGDATA" "$aside"
  rm -f "$volume/.initialising"
  sync "$volume"
  echo "$aside"
}

take_lock
if [[ ${1:-} == set-aside ]]; then set_aside; else start "$@"; fi
