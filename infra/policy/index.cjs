// Pulumi would run a pack's TypeScript with ts-node and its own settings; an import leaves it to Node, like the rest of infra.
module.exports = import("./pack.ts");
