// Which folder may import which, for dependency-cruiser (`npm run check:dependencies`); docs/architecture.md draws it.
// Dead files and exports are for knip to find.

/** Imports from these files may lead to these and to packages, and nowhere else. */
const only = (name, from, ...to) => ({
  name,
  severity: "error",
  from: { path: from },
  to: { path: "^(infra|scripts|images|offline|test)/", pathNot: to },
});

const contract = "^images/(backup|page)/src/contract\\.ts$";
const lib = "^infra/lib/";
const outputs = "^infra/stacks/outputs\\.ts$";
const shared = ["^scripts/lib/", lib, "^infra/config/", outputs, contract];

/** What a feature of scripts may import of other features. */
const features = {
  adopt: ["setup", "stacks", "thoth", "upgrade"],
  backup: ["images"],
  chat: ["models"],
  dev: ["projects", "setup", "status", "thoth", "upgrade"],
  develop: ["images", "setup"],
  doctor: ["status"],
  help: ["doctor"],
  images: [],
  letta: ["restore", "status", "upgrade", "backup"],
  models: [],
  preview: [],
  projects: ["backup", "letta", "thoth"],
  restore: [],
  setup: ["images"],
  stacks: ["letta", "setup", "status", "thoth"],
  status: ["models"],
  thoth: ["letta", "status"],
  upgrade: ["images"],
};

export default {
  forbidden: [
    { name: "no-cycle", severity: "error", from: {}, to: { circular: true } },
    only("infra-lib", lib, lib),
    only("infra-config", "^infra/config/", "^infra/config/", lib, contract),
    only("infra-providers", "^infra/providers/", lib),
    only("infra-components", "^infra/components/", "^infra/(components|config|providers|lib)/", contract),
    only("infra-stacks", "^infra/stacks/", "^infra/(stacks|components|config|providers|lib)/", contract),
    only("infra-policy", "^infra/policy/", "^infra/policy/", lib),
    only("infra-index", "^infra/index\\.ts$", "^infra/"),
    only("scripts-lib", "^scripts/lib/", ...shared),
    ...Object.entries(features).map(([name, others]) =>
      only(
        `scripts-${name}`,
        `^scripts/${name}/`,
        ...[name, ...others].map((folder) => `^scripts/${folder}/`),
        ...shared,
      ),
    ),
    only("backup-agent", "^images/backup/", "^images/backup/"),
    only("status-page", "^images/page/", "^images/page/", contract),
    only("stand-in", "^images/thoth/", "^images/thoth/"),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
  },
};
