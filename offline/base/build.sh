#!/bin/bash
# Makes the base image from Debian packages: build.sh REFERENCE WORK_DIRECTORY
#
# WORK_DIRECTORY is emptied before and after. Mirrors, proxies and certificates are the host's own.
set -Eeuo pipefail

readonly suite=trixie
readonly reference=$1 work=$2
readonly rootfs=$work/rootfs
readonly here=${BASH_SOURCE[0]%/*}

if [[ $(id -u) != 0 ]] || ! command -v apt-get >/dev/null; then
  echo "E: debootstrap makes the base image, and that needs root on Debian or Ubuntu" >&2
  exit 1
fi

# debootstrap mounts /proc inside the new root. In a mount namespace of its own the mount ends with this
# script, however it ends, so that clearing the directory can never reach the host's /proc.
if [[ -z ${IN_MOUNT_NAMESPACE:-} ]]; then
  IN_MOUNT_NAMESPACE=1 exec unshare --mount -- "$0" "$@"
fi

main() {
  clear_work
  trap clear_work EXIT
  install_debootstrap
  bootstrap
  configure
  echo "I: Updating to the newest packages"
  chroot "$rootfs" sh -c 'apt-get update -qq && apt-get upgrade -y -qq' </dev/null
  echo "I: Importing as $reference"
  import
}

clear_work() {
  rm -rf --one-file-system "$work"
}

install_debootstrap() {
  if command -v debootstrap >/dev/null && [[ -e /usr/share/keyrings/debian-archive-keyring.gpg ]]; then return; fi
  echo "I: Installing debootstrap"
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends debootstrap debian-archive-keyring
}

# The site of the host's own Debian mirror with this label (Debian, Debian-Security); empty on another distribution.
host_mirror() {
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(SITE)' 'Identifier: Packages' |
    sed -n "s/^Debian|$1|//p" | sed -n 1p
}

bootstrap() {
  mkdir -p "$rootfs"
  # Without --force-check-gpg a missing keyring would only be a warning.
  debootstrap --force-check-gpg --keyring=/usr/share/keyrings/debian-archive-keyring.gpg \
    --variant=minbase --include=ca-certificates,curl "$suite" "$rootfs" $(host_mirror Debian)
}

configure() {
  cp -r --no-preserve=ownership "$here/../../images/rootfs/." "$rootfs/"
  write_sources
  host_apt_options >"$rootfs/etc/apt/apt.conf.d/91-host"
  copy_host_certificates
  chroot "$rootfs" update-ca-certificates >/dev/null
}

# A proxy that inspects TLS is trusted by the host, so by what runs here too.
copy_host_certificates() {
  local certificates=/usr/local/share/ca-certificates
  if [[ -d $certificates ]]; then find "$certificates" -name '*.crt' -exec cp -t "$rootfs$certificates" -- {} +; fi
}

write_sources() {
  local mirror security
  read -r _ mirror _ <"$rootfs/etc/apt/sources.list" # the one debootstrap used, its default where the host has none
  security=$(host_mirror Debian-Security)
  cat >"$rootfs/etc/apt/sources.list" <<SOURCES
deb $mirror $suite main
deb $mirror $suite-updates main
deb ${security:-${mirror%/}-security} $suite-security main
SOURCES
}

# What a host behind a frozen or slow mirror had to set for apt. Proxies come as build arguments instead, so that
# their passwords do not stay in an image.
host_apt_options() {
  apt-config dump --format '%F "%v";%n' |
    grep -E '^Acquire::(Check-Valid-Until|Check-Date|ForceIPv4|ForceIPv6) ' || true
}

import() {
  local id
  # Tagged only after the whole pipe has succeeded: docker imports a torn archive without complaint.
  id=$(tar --create --directory "$rootfs" --one-file-system \
    --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' --exclude='./var/log/*' --exclude='./tmp/*' \
    --exclude='./usr/share/doc/*/[!c]*' --exclude='./usr/share/doc/*/changelog*' \
    --exclude='./usr/share/man/*' --exclude='./usr/share/info/*' --exclude='./usr/share/lintian/*' \
    --exclude='./usr/share/locale/*/*' --exclude='./etc/resolv.conf' --exclude='./etc/hostname' . |
    docker import \
      --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
      --change 'ENV LANG=C.UTF-8' \
      --change 'ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt' \
      --change 'ENV REQUESTS_CA_BUNDLE=/etc/ssl/certs/ca-certificates.crt' \
      --change 'ENV NODE_EXTRA_CA_CERTS=/etc/ssl/certs/ca-certificates.crt' \
      --change 'CMD ["bash"]' \
      --change "LABEL org.opencontainers.image.title=thoth-letta/base org.opencontainers.image.version=$suite" -)
  docker tag "$id" "$reference"
}

main
