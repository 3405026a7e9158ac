#!/bin/sh
# Starts nginx once the given files exist: the container starts together with Letta, and Letta knows the projects' users.
for file in "$@"; do
  until [ -s "$file" ]; do sleep 0.1; done
done
exec nginx -g 'daemon off;'
