/** A message, or fields and a message. */
type Write = (...line: [message: string] | [fields: object, message: string]) => void;

/** The part of Fastify's logger that this program uses, declared here so that tests need no Fastify. */
export type Log = Readonly<Record<"debug" | "info" | "warn" | "error", Write>>;
