#!/bin/bash
# Lets commits go on when the repository does not answer: postgres-watchdog SECONDS
#
# With rpoZero a commit waits until the backup's sink has it on disk. The agent ends that wait itself when its sink is
# silent; this does it when the agent is silent too, killed or gone with its container. It only ever ends the wait: the
# agent begins it again once its sink has caught up.
#
# Postgres takes any child of its own that ends by a signal or with another exit code than 0 or 1 for one of its
# processes, and restarts all sessions. So this becomes a child of the container's init.
set -u
readonly seconds=$1 sink=walsink

# Restarts of Postgres and times without an answer begin the count anew: nobody waits for a commit then.
main() {
  local reply last='' since=$SECONDS
  while sleep 1; do
    if ! grep -qs "^synchronous_standby_names = '$sink'" "$PGDATA/postgresql.auto.conf" || ! reply=$(last_reply); then
      since=$SECONDS
    elif [[ -n $reply && $reply != "$last" ]]; then
      since=$SECONDS last=$reply
    elif ((SECONDS - since >= seconds)); then
      echo "the backup's sink has not answered for $seconds seconds: commits go on without it" >&2
      query -c 'alter system reset synchronous_standby_names' -c 'select pg_reload_conf()' >/dev/null
      since=$SECONDS
    fi
  done
}

# When the sink last answered, in its own words; empty while it does not stream.
last_reply() {
  query -c "select max(reply_time) from pg_stat_replication where application_name = '$sink' and state = 'streaming'"
}

query() {
  PGCONNECT_TIMEOUT=5 psql --no-psqlrc --no-password --quiet --tuples-only --no-align --username=postgres "$@" 2>/dev/null
}

main
