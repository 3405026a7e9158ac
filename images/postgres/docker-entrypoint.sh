#!/bin/bash
# Makes the cluster on the first start, then becomes Postgres. The environment is that of the official image.
#
# The official entrypoint takes a directory with PG_VERSION for a finished cluster, so one killed during its first
# start comes up without its users and databases, permanently. Here everything happens in $PGDATA/.first-start, a
# subdirectory because $PGDATA itself may be a mount point, which cannot be renamed. PG_VERSION is moved up last.
set -Eeuo pipefail

readonly data=$PGDATA
readonly first_start=$data/.first-start

main() {
  if [[ ${1:-} == -* ]]; then set -- postgres "$@"; fi
  if [[ ${1:-} != postgres ]] || asks_for_information "$@"; then exec "$@"; fi
  if [[ ! -s $data/PG_VERSION ]]; then read_settings; fi
  mkdir -p "$data"
  if [[ $(id -u) == 0 ]]; then become_postgres "$@"; fi
  if [[ ! -s $data/PG_VERSION ]]; then make_cluster "$@"; fi
  rm -rf "$first_start" # is left when the first start was killed after its last step
  unset POSTGRES_PASSWORD
  exec "$@"
}

fail() {
  echo "docker-entrypoint: $*" >&2
  exit 1
}

asks_for_information() {
  local argument
  for argument; do
    case $argument in -'?' | --help | --describe-config | -V | --version) return 0 ;; esac
  done
  return 1
}

# Read as root, since a mounted secret may be readable for root only.
read_settings() {
  read_secret POSTGRES_USER postgres
  read_secret POSTGRES_PASSWORD
  read_secret POSTGRES_DB "$POSTGRES_USER"
  read_secret POSTGRES_INITDB_ARGS
  export POSTGRES_HOST_AUTH_METHOD=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
  if [[ -z $POSTGRES_PASSWORD && $POSTGRES_HOST_AUTH_METHOD != trust ]]; then
    fail "the first start needs a password for \"$POSTGRES_USER\": set POSTGRES_PASSWORD_FILE or POSTGRES_PASSWORD"
  fi
}

# Exports NAME, from the file named by NAME_FILE where that is set: read_secret NAME [DEFAULT]
read_secret() {
  local name=$1 default=${2:-} file_name=$1_FILE
  if [[ -n ${!name:-} && -n ${!file_name:-} ]]; then fail "$name and $file_name are both set, but only one can count"; fi
  local value=${!name:-$default}
  if [[ -n ${!file_name:-} ]]; then value=$(<"${!file_name}"); fi
  export "$name=$value"
  unset "$file_name"
}

become_postgres() {
  find "$data" /var/run/postgresql ! -user postgres -exec chown postgres {} +
  export HOME=/var/lib/postgresql
  exec setpriv --reuid=postgres --regid=postgres --init-groups -- "$0" "$@"
}

make_cluster() {
  refuse_foreign_files
  chmod 0700 "$data" # Postgres refuses one that others can read, as a new volume is
  # Nothing in here was ever served to a client: what an interrupted first start left can go.
  find "$data" -mindepth 1 -delete
  mkdir -m 0700 "$first_start"
  run_initdb
  export PGDATA=$first_start # for the scripts, which commonly append to $PGDATA/postgresql.conf
  start_privately "$@"
  if [[ $POSTGRES_DB != postgres ]]; then query --dbname=postgres --set=name="$POSTGRES_DB" <<<'CREATE DATABASE :"name"'; fi
  run_scripts
  pg_ctl --mode=fast --wait stop
  export PGDATA=$data
  publish
  echo "docker-entrypoint: the cluster is made"
}

refuse_foreign_files() {
  if [[ -d $first_start ]]; then return; fi
  if [[ -n $(find "$data" -mindepth 1 -maxdepth 1 ! -name lost+found -print -quit) ]]; then
    fail "$data holds files but no finished cluster, and they are not from a first start of this image. Nothing was changed."
  fi
}

run_initdb() {
  # eval, since the official image takes quoted words in POSTGRES_INITDB_ARGS.
  eval 'initdb --pgdata="$first_start" --username="$POSTGRES_USER" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD")' "$POSTGRES_INITDB_ARGS"
  printf '\nhost all all all %s\n' "$POSTGRES_HOST_AUTH_METHOD" >>"$first_start/pg_hba.conf"
}

# With the options of the real start, but reachable through the local socket alone. Nothing is archived: there is no
# repository yet, and a shutdown tries for seconds.
start_privately() {
  shift
  pg_ctl --options="$(printf '%q ' "$@" -c listen_addresses='' -c archive_mode=off)" --wait start
}

query() {
  PGPASSWORD=$POSTGRES_PASSWORD psql --set=ON_ERROR_STOP=1 --no-psqlrc --no-password --username="$POSTGRES_USER" "$@"
}

run_scripts() {
  local script
  for script in /docker-entrypoint-initdb.d/*; do
    if [[ ! -e $script ]]; then continue; fi
    echo "docker-entrypoint: running $script"
    case $script in
      *.sh) if [[ -x $script ]]; then "$script"; else . "$script"; fi ;;
      *.sql) query --dbname="$POSTGRES_DB" --file="$script" ;;
      *) echo "docker-entrypoint: ignoring $script" ;;
    esac
  done
}

# The file that makes it a cluster goes last, after everything else is on disk.
publish() {
  find "$first_start" -mindepth 1 -maxdepth 1 ! -name PG_VERSION -exec mv -t "$data" -- {} +
  sync --file-system "$data"
  mv "$first_start/PG_VERSION" "$data/"
  sync --file-system "$data"
}

main "$@"
