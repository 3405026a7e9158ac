#!/bin/bash
# Puts the newest pgvector that Debian has for this Postgres into the folder $1, as it is to lie in the image.
#
# Debian stable's package has 0.8.0, which can overflow a buffer and damage HNSW indexes (fixed in 0.8.2 and 0.8.3). Debian
# unstable has the current source, but packages it for its own Postgres only, so it is built here. Where a mirror does not
# have that source, it is stable's package.
set -Eeuo pipefail

readonly target=$1 postgres=17 work=/tmp/pgvector
export DEBIAN_FRONTEND=noninteractive

main() {
  mkdir -p "$target" "$work/source"
  cd "$work"
  add_source_list
  apt-get update -qq
  if fetch_source; then
    build
  else
    echo "pgvector: the current source cannot be fetched, taking Debian stable's package"
    apt-get download -qq "postgresql-$postgres-pgvector"
    dpkg --extract postgresql-*.deb "$target"
  fi
  # Code for Postgres' JIT compiler, which must be that of the same build.
  rm -rf "$target/usr/lib/postgresql/$postgres/lib/bitcode" "$target/usr/share/doc"
}

# Of the mirror that the image has its packages from.
add_source_list() {
  local mirror
  mirror=$(sed -n 's/^deb \(\S*\) .*/\1/p' /etc/apt/sources.list | sed -n 1p)
  echo "deb-src $mirror sid main" >/etc/apt/sources.list.d/source.list
}

fetch_source() {
  apt-get source -qq --download-only pgvector &&
    tar --extract --file pgvector_*.orig.tar.* --strip-components=1 --directory source
}

# The headers are not installed: their package wants a whole LLVM, for the JIT compiler's code.
build() {
  local package options=(-C source -s with_llvm=no OPTFLAGS= PG_CONFIG=/usr/lib/postgresql/$postgres/bin/pg_config)
  apt-get install -y -qq --no-install-recommends gcc make libc6-dev >/dev/null
  apt-get download -qq "postgresql-server-dev-$postgres" "postgresql-client-$postgres"
  for package in *.deb; do dpkg --extract "$package" /; done
  make "${options[@]}" -j "$(nproc)"
  make "${options[@]}" DESTDIR="$target" install
}

main
