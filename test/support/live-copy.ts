/**
 * Shell that copies a folder to which others go on writing.
 *
 * `cp` fails on a file that is gone before its turn, such as pgBackRest's temporary ones; tar says so, and goes on.
 */
export const copyLive = (from: string, to: string): string =>
  `tar -C ${from} --exclude='*.pgbackrest.tmp' -cf - . | tar -C ${to} -xf -`;
