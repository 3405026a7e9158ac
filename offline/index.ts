/** All that setup takes from this folder; its type is `OfflineSteps` in scripts/setup/step.ts. */
export { backupImageSteps, imageSteps, lettaImageSteps } from "./images/build.ts";
export { registryImageSteps } from "./images/on-registry.ts";
export { toolchainSteps as toolSteps } from "./toolchain/build.ts";
