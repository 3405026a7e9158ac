#!/bin/sh
# Reloads a running nginx, and returns once it answers by the new files alone. Streams under way continue.
# Usage: reload.sh PROJECTS_FILE GATEWAY_URL
[ -s /tmp/nginx.pid ] || exit 0
# For a while old and new workers both accept connections, so one good answer proves little.
is_worker() { grep -qs '^nginx: worker process' "/proc/$1/cmdline"; }
is_leaving() { ! is_worker "$1" || grep -qs 'is shutting down' "/proc/$1/cmdline"; }
all_leaving() { for pid in $old; do is_leaving "$pid" || return 1; done; }

old=$(for folder in /proc/[0-9]*; do if is_worker "${folder#/proc/}"; then echo "${folder#/proc/}"; fi; done)
nginx -t -q && nginx -s reload || exit 1
wanted=$(sed -n '/projects_version/,$ s/.*default "\(.*\)";/\1/p' "$1")
for _ in $(seq 100); do
  answer=$(curl -fsS -m 2 "$2/nginx-projects")
  # Refused: nginx stops, and only ends its streams. It reads the files when it starts.
  [ $? -ne 7 ] || exit 0
  if all_leaving && [ "$answer" = "$wanted" ]; then exit 0; fi
  sleep 0.1
done
echo "nginx still answers by its old files" >&2
exit 1
