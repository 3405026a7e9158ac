#!/bin/sh
# The health of the roles that are its arguments, by roles/ROLE.health.sh beside this file: ends with 1 and says which are red,
# and why, in one line.
roles=${0%/*}/roles

check() {
  said=$(sh "$roles/$1.health.sh" 2>&1)
  code=$?
  [ $code -eq 0 ] && return
  said=${said##*"
"}
  printf '%s: %s; ' "$1" "${said:-exit code $code}"
}

red=$(
  for role; do check "$role" & done
  wait
)
[ -z "$red" ] && exit
echo "${red%; }"
exit 1
