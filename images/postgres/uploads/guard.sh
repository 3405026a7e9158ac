#!/bin/bash
# Allows one Postgres at a time on the data volume, and only with a complete cluster of this stack:
#
#   postgres-guard postgres …      becomes the image's entrypoint, or refuses with exit code 75 or 76
#   postgres-guard set-aside       sets a half-made cluster aside within the volume
#
# Containers have separate process ids, so Postgres' check of postmaster.pid does not see another container's Postgres:
# both start, and what the second one commits is lost (docker-library/postgres#171). A lock on the volume works across
# containers, and is released with the last process that inherited it.
#
# The published image takes a folder with PG_VERSION for a finished cluster. One that was killed during its first start
# would lack the rest of that start for good (docker-library/postgres#891). So .initialising marks a first start and
# .initialised its end; initialised.sh writes it. A cluster with neither mark is restored, or older than the marks.
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
  # Older versions made it as root: reading it is enough for a lock.
  if [[ ! -e $volume/.postgres.lock ]]; then : >"$volume/.postgres.lock"; fi
  exec 9<"$volume/.postgres.lock"
  flock --wait "${POSTGRES_LOCK_WAIT_SECONDS:-90}" 9 ||
    refuse "another Postgres holds $volume/.postgres.lock; stop the other container that uses this volume" 75
}

# Our image makes its cluster in .first-start, and repeats an interrupted first start.
is_vacant() {
  [[ -d $PGDATA/.first-start || -z $(find "$PGDATA" -mindepth 1 -maxdepth 1 -print -quit 2>/dev/null) ]]
}

is_half_made() {
  [[ -e $volume/.initialising && ! -e $volume/.initialised ]] && ! is_vacant
}

start() {
  # Not for set-aside, which may be read from standard input.
  local here=${BASH_SOURCE[0]%/*}
  if is_half_made; then refuse "$PGDATA was left half-made by an interrupted first start" 76; fi
  prepare_volume
  if is_vacant; then
    rm -f "$volume/.initialised" "$volume/.initialising"
    touch "$volume/.initialising"
    sync "$volume/.initialising" "$volume"
    # The image requires one. The superuser uses the socket only, so nobody needs to know it.
    POSTGRES_PASSWORD=$(openssl rand -hex 32)
    export POSTGRES_PASSWORD
  fi
  # An expired certificate is better than none.
  "${as_postgres[@]}" bash "$here/postgres-certificate" once || [[ -s $volume/tls/server.pem ]] ||
    refuse "no certificate for TLS could be made" 76
  start_helper postgres-certificate watch
  exec docker-entrypoint.sh "$@"
}

# Without the lock, which must be released with Postgres, and detached: this process becomes Postgres.
start_helper() {
  ("${as_postgres[@]}" bash "$here/$1" "${@:2}" 9>&- &)
}

# Makes the folder of the socket that the backup uses: it has the volume, but no network.
prepare_volume() {
  # Both root and Postgres create the marks.
  if [[ $(id -u) == 0 ]]; then chown postgres "$volume"; fi
  [[ -O $volume || $(id -u) == 0 ]] || refuse "$volume belongs to user $(stat -c %u "$volume"), not to Postgres ($(id -u))" 76
  "${as_postgres[@]}" mkdir -p -m 0755 "$volume/run" "$volume/tls"
  # Their makers are gone, since we have the lock. Postgres would take their process ids for live ones.
  rm -f "$volume/run/".s.PGSQL.* "$PGDATA/postmaster.pid"
}

set_aside() {
  if ! is_half_made; then
    refuse "$PGDATA is not left over from an interrupted first start: nothing was changed" 76
  fi
  aside=$PGDATA.half-made.$(date -u +%Y%m%dT%H%M%SZ)
  mv -T "$PGDATA" "$aside"
  rm -f "$volume/.initialising"
  sync "$volume"
  echo "$aside"
}

# Before the lock, which is a file: nothing is written to the volume of an older installation.
if [[ -e $volume/PG_VERSION ]]; then
  refuse "$volume has a cluster at its root, which is not this stack's; those are in $PGDATA" 76
fi
take_lock
if [[ ${1:-} == set-aside ]]; then set_aside; else start "$@"; fi
