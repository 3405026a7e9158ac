#!/bin/sh
# nginx, once its files are there: it starts beside Letta, of which it is told who the projects are.
for file in "$@"; do
  until [ -s "$file" ]; do sleep 0.1; done
done
exec nginx -g 'daemon off;'
