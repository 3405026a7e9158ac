import type { Settings } from "../settings.ts";
import type { Engine } from "./engine.ts";

/** The engine of the settings; its module is loaded only then. */
export async function chooseEngine(settings: Settings): Promise<Engine> {
  if (settings.engine === "pgbackrest") return (await import("./pgbackrest.ts")).pgbackrestEngine(settings);
  return (await import("./core.ts")).coreEngine(settings);
}
