#!/bin/bash
# Keeps Postgres' certificate for TLS valid:
#
#   postgres-certificate once      makes one, or replaces one with less than a third of its life left
#   postgres-certificate renew     does that, and has Postgres load it; no session ends
#   postgres-certificate watch     does that once a day
#
# The authority that signs it is on the same volume, next to the cluster: a client with ca.crt can verify this Postgres
# for ten years. A restored cluster is on another volume, and has another authority.
set -Eeuo pipefail
folder=$(dirname "$PGDATA")/tls
readonly folder days=${POSTGRES_CERTIFICATE_DAYS:-90} authority_days=3650
readonly names=DNS:letta-postgres,DNS:localhost,IP:127.0.0.1,IP:::1
is_new=

once() {
  mkdir -p "$folder"
  # The authority must outlive what it signs.
  if [[ ! -s $folder/ca.key ]] || ! lasts "$folder/ca.crt" "$days"; then make_authority; fi
  if ! lasts "$folder/server.pem" $((days / 3)) || ! is_ours; then make_certificate; fi
}

# Is the certificate in a file valid for that many more days? Not if there is no such file.
lasts() {
  openssl x509 -in "$1" -noout -checkend $(($2 * 86400)) &>/dev/null
}

is_ours() {
  openssl verify -CAfile "$folder/ca.crt" "$folder/server.pem" &>/dev/null
}

make_authority() {
  request "$folder/ca.key.new" -x509 -days "$authority_days" -subj "/CN=letta-postgres authority" \
    -extensions authority -out "$folder/ca.crt.new"
  # A kill between the two moves must not leave a mismatched pair.
  rm -f "$folder/ca.crt"
  mv "$folder/ca.key.new" "$folder/ca.key"
  mv "$folder/ca.crt.new" "$folder/ca.crt"
}

# Key and certificate are one file, so that one move replaces both.
make_certificate() {
  request "$folder/server.key.new" -CA "$folder/ca.crt" -CAkey "$folder/ca.key" -days "$days" -subj /CN=letta-postgres \
    -extensions server -out "$folder/server.crt.new"
  (umask 077 && cat "$folder/server.key.new" "$folder/server.crt.new" >"$folder/server.pem.new")
  rm "$folder/server.key.new" "$folder/server.crt.new"
  sync "$folder/server.pem.new"
  mv "$folder/server.pem.new" "$folder/server.pem"
  is_new=yes
}

# request KEY_FILE OPTION…: makes a key, readable for its owner only, and a certificate for it.
request() {
  local output
  if output=$(openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -keyout "$1" \
    -config <(extensions) "${@:2}" 2>&1); then return; fi
  echo "$output" >&2
  return 1
}

extensions() {
  printf '%s\n' '[req]' 'distinguished_name = none' '[none]' \
    '[authority]' 'basicConstraints = critical, CA:true, pathlen:0' 'keyUsage = critical, keyCertSign, cRLSign' \
    'subjectKeyIdentifier = hash' \
    '[server]' 'basicConstraints = critical, CA:false' 'keyUsage = critical, digitalSignature' \
    'extendedKeyUsage = serverAuth' "subjectAltName = $names"
}

renew() {
  once
  if [[ -z $is_new ]]; then return; fi
  psql --no-psqlrc --no-password --quiet --username=postgres --command 'select pg_reload_conf()' >/dev/null
  is_new=
  echo "a new certificate for TLS: $(openssl x509 -in "$folder/server.pem" -noout -enddate)"
}

case ${1:-} in
  once) once ;;
  renew) renew ;;
  watch) while sleep 86400; do renew || true; done ;;
esac
