#!/bin/sh
# Lets a running nginx read its files again, and ends once it answers by them. A stream under way goes on.
[ -s /tmp/nginx.pid ] || exit 0
nginx -t -q && nginx -s reload || exit 1
wanted=$(sed -n '/projects_version/,$ s/.*default "\(.*\)";/\1/p' "$1")
for _ in $(seq 100); do
  [ "$(curl -fsS -m 2 "$2/nginx-projects")" = "$wanted" ] && exit 0
  sleep 0.1
done
echo "nginx still answers by the old files" >&2
exit 1
