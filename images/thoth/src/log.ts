/** A line, or its fields and a line. */
type Write = (...line: [message: string] | [fields: object, message: string]) => void;

/** The part of Fastify's log that this program uses, described here so that it can be checked without Fastify. */
export type Log = Readonly<Record<"debug" | "info" | "warn" | "error", Write>>;
