// Pulumi runs a pack's TypeScript by ts-node, with settings of its own; an import leaves it to Node, as all of infra.
module.exports = import("./pack.ts");
