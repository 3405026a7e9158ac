#!/bin/bash
# Runs the command that it is called as: letta-start.sh is a link to it and runs `letta start`. These names are in people's
# notes and cron jobs; they work from any folder, and take the same flags as the aliases.
set -e
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)
name=$(basename "${BASH_SOURCE[0]}" .sh)
make --silent -C "$root" node_modules/.package-lock.json
exec "$root/node_modules/.bin/node" "$root/scripts/main.ts" "${name%%-*}" "${name#*-}" "$@"
