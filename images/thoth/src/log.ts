/** A message, or fields and a message. */
type Write = (...line: [message: string] | [fields: object, message: string]) => void;

/** The part of Fastify's logger that this program uses, declared here so that tests need no Fastify. */
export type Log = Readonly<Record<"debug" | "info" | "warn" | "error", Write>>;

/** Describes an error in one line, including nested and aggregated causes. */
export function describeError(error: unknown): string {
  if (error instanceof AggregateError && error.message === "") {
    // A host name with several addresses fails with one error per address and no text.
    return error.errors.map(describeError).join("; ");
  }
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? describeError(error.cause) : "";
  const text = error.message || error.name;
  return cause === "" || text.includes(cause) ? text : `${text} (${cause})`;
}
