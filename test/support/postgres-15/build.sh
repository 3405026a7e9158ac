#!/bin/bash
# Builds an image with Debian bookworm's Postgres 15 and pgvector, as old installations have them: build.sh REFERENCE
#
# bookworm has no pgvector, so it is built from the source of trixie's package. Needs root on Debian or Ubuntu.
set -Eeuo pipefail

readonly reference=$1
readonly here=${BASH_SOURCE[0]%/*}
readonly images=$here/../../../images
readonly base=thoth-letta/test-bookworm:1

# In a separate mount namespace, the mounts of debootstrap end with this script.
if [[ -z ${IN_MOUNT_NAMESPACE:-} ]]; then
  IN_MOUNT_NAMESPACE=1 exec unshare --mount -- "$0" "$@"
fi

work=$(mktemp --directory)
trap 'rm -rf --one-file-system "$work"' EXIT

site=$(apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Identifier: Packages' | sed -n 's/^Debian|Debian|//p' | sed -n 1p)
readonly site=${site:-http://deb.debian.org/debian}

if ! docker image inspect "$base" >/dev/null 2>&1; then
  debootstrap --force-check-gpg --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --variant=minbase --include=ca-certificates,curl bookworm "$work/rootfs" "$site"
  cp -r --no-preserve=ownership "$images/rootfs/." "$work/rootfs/"
  apt-config dump --format '%F "%v";%n' | grep -E '^Acquire::(Check-Valid-Until|Check-Date) ' >"$work/rootfs/etc/apt/apt.conf.d/91-host" || true
  if [[ -d /usr/local/share/ca-certificates ]]; then cp -r /usr/local/share/ca-certificates/. "$work/rootfs/usr/local/share/ca-certificates/"; fi
  chroot "$work/rootfs" update-ca-certificates >/dev/null
  tar --create --directory "$work/rootfs" --one-file-system . | docker import - "$base" >/dev/null
fi

mkdir "$work/context"
cp "$here/Dockerfile" "$images/postgres/docker-entrypoint.sh" "$work/context/"
DOCKER_BUILDKIT=0 docker build --network host --build-arg "BASE_IMAGE=$base" --build-arg "DEBIAN_SITE=$site" --tag "$reference" "$work/context"
