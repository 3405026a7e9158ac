import { realDeps } from "../../scripts/lib/deps.ts";
import { buildProgram } from "../../scripts/program.ts";

/** Every command of the CLI; none can be run. */
export const allCommands = () => buildProgram(realDeps(), { begin: () => {}, end: () => {} });
