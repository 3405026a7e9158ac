#!/bin/sh
# Gets a WAL file for a Postgres that recovers: restore-wal.sh SINK FILE PATH COMMAND...
#
# COMMAND asks the archive. What the archive does not have may be in the sink, where the newest segment is still .partial.
# To Postgres, exit codes up to 125 say that there is no such file, which is where the WAL ends; those above end the
# recovery. A file that is there and cannot be read must not look like the end.
sink=$1 file=$2 path=$3
shift 3

ask_archive() {
  "$@"
  code=$?
  if [ "$code" = 0 ]; then exit 0; fi
  if [ "$code" != 1 ]; then
    echo "WAL file $file is in the archive and cannot be read (exit code $code): it is damaged, or the key is another" >&2
    exit 126
  fi
}

ask_archive "$@"
# The server runs this in the folder of its cluster.
control=$(pg_controldata --pgdata=.) || exit 126
system=$(echo "$control" | sed -n 's/^Database system identifier: *//p')
segment_bytes=$(echo "$control" | sed -n 's/^Bytes per WAL segment: *//p')
for found in "$sink/$system/$(printf %.8s "$file")"*/"$file" "$sink/$system/$(printf %.8s "$file")"*/"$file.partial"; do
  if cp "$found" "$path" 2>/dev/null; then
    # One whose writer died while making it is short, and what follows its end is as good as zeros.
    case $found in *.partial) truncate --size="$segment_bytes" "$path" ;; esac
    exit 0
  fi
done
# It may have gone from the sink to the archive meanwhile, and now the beginning of a segment is better than nothing.
export ALSO_PARTIAL=yes
ask_archive "$@"
exit 1
