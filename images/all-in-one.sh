#!/bin/sh
# Runs roles of Thoth in one container: all-in-one.sh ROLE SECONDS …, where SECONDS is the time between the role's stop signal
# and its kill. Each is roles/ROLE.sh beside this file, started after roles/ROLE.before.sh. Its name is before each line of its
# log. When one ends, the others are stopped and the container ends with 1: the engine starts it again.
roles=${0%/*}/roles
stopping=
longest=0
ended=0

run() {
  exec 2>&1
  trap 'stopping=1' TERM
  [ ! -e "$roles/$1.before.sh" ] || sh "$roles/$1.before.sh"
  [ -z "$stopping" ] || exit
  sh "$roles/$1.sh" &
  program=$!
  wait "$program"
  code=$?
  if [ -z "$stopping" ]; then
    echo "role ended with exit code $code: the container ends"
    kill -USR1 $$
    exit
  fi
  (exec >/dev/null 2>&1; sleep "$2"; kill -KILL "$program") &
  finished "$program"
}

# A signal ends a wait, but not what is waited for.
finished() {
  while kill -0 "$1" 2>/dev/null; do wait "$1"; done
}

label() {
  # It outlives the signal: the last lines of the role come after it.
  trap '' TERM
  while IFS= read -r line || [ -n "$line" ]; do printf '%s | %s\n' "$1" "$line"; done
}

stop() {
  trap '' TERM INT USR1
  # The whole process group: every role, and what it has started.
  kill -TERM 0
  # What a role leaves behind keeps its log open.
  (exec >/dev/null 2>&1; sleep $((longest + 1)); kill -KILL 0) &
}
trap stop TERM INT
trap 'ended=1; stop' USR1

while [ $# -gt 1 ]; do
  run "$1" "$2" | label "$1" &
  logs="$logs $!"
  [ "$2" -le "$longest" ] || longest=$2
  shift 2
done
for log in $logs; do finished "$log"; done
exit $ended
