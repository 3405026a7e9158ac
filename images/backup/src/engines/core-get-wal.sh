#!/bin/sh
# Gets a file of the core engine's archive: core-get-wal.sh FOLDER FILE PATH; exit code 1 when it has no such file.
#
# FOLDER is in rclone's remote `store:`, whose plain place is $RCLONE_CONFIG_STORE_REMOTE.
# With ALSO_PARTIAL set, a segment that was never completed will do: the last one of a timeline that was left.
stored=$1/$(printf %.8s "$2")/$2
for name in "$stored.zst" ${ALSO_PARTIAL:+"$stored.partial.zst"}; do
  if [ ! -e "$RCLONE_CONFIG_STORE_REMOTE/$name.bin" ]; then continue; fi
  rm -f "$3.zst"
  rclone cat "store:$name" >"$3.zst" && zstd --quiet --decompress --force --rm "$3.zst" -o "$3" && exit 0
  exit 2
done
exit 1
