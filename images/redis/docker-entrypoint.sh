#!/bin/sh
# Gives /data to the user redis, leaves root behind and becomes Redis.
set -eu

# `docker run redis --appendonly yes` and `docker run redis /etc/redis.conf` mean the server.
case ${1:-} in -* | *.conf) set -- redis-server "$@" ;; esac

if [ "${1:-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find . ! -user redis -exec chown redis {} +
  exec setpriv --reuid=redis --regid=redis --init-groups -- "$0" "$@"
fi

# Unless someone decided it, the protected mode is off, as in the official image: it would refuse every other
# container, and the network is the guard here.
decides_protected_mode() {
  for argument; do
    case $argument in
      --protected-mode) return 0 ;;
      *.conf) if grep -qi '^[[:space:]]*protected-mode' "$argument"; then return 0; fi ;;
    esac
  done
  return 1
}
if [ "${1:-}" = redis-server ] && ! decides_protected_mode "$@"; then set -- "$@" --protected-mode no; fi

umask 0077
exec "$@"
