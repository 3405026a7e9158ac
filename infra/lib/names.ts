/** The project's name in Pulumi.yaml; also the namespace of config keys and of Docker labels. */
export const projectName = "thoth-letta";

/** Docker labels by which scripts find a stack's containers. */
export const labels = {
  prefix: `${projectName}.prefix`,
  service: `${projectName}.service`,
} as const;

/** Network aliases by which containers reach each other; the same in every letta stack, whatever its prefix. */
export const aliases = {
  postgres: "letta-postgres",
  redis: "letta-redis",
  server: "letta-server",
  nginx: "letta-nginx",
} as const;

/** Docker names of a letta stack; with the default prefix `letta` they are `letta-postgres`, `letta-network`, … */
export function lettaNames(prefix: string) {
  return {
    network: `${prefix}-network`,
    postgres: `${prefix}-postgres`,
    redis: `${prefix}-redis`,
    server: `${prefix}-server`,
    nginx: `${prefix}-nginx`,
    volumes: {
      postgres: `${prefix}-postgres`,
      redis: `${prefix}-redis`,
      home: `${prefix}-home`,
      data: `${prefix}-data`,
    },
  } as const;
}

/** Thoth's four roles, in start order. */
export const thothRoles = ["api", "mcp", "discovery", "monitor"] as const;
export type ThothRole = (typeof thothRoles)[number];

/** Docker names of a thoth stack; with the default prefix `thoth` they are `thoth-network`, `thoth-api`, … */
export function thothNames(prefix: string) {
  return {
    network: `${prefix}-network`,
    role: (role: ThothRole) => `${prefix}-${role}`,
  } as const;
}
