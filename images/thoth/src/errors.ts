/** Says in one line what went wrong, also for errors that keep their text in `code` or in a list of causes. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    // A host name with several addresses fails with one error for each of them and no text of its own.
    return error.errors.map(describeError).join("; ");
  }
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? describeError(error.cause) : "";
  const text = error.message || error.name;
  return cause === "" || text.includes(cause) ? text : `${text} (${cause})`;
}
