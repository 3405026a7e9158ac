import { readdirSync, readFileSync } from "node:fs";

const images = new URL("../../images/", import.meta.url);

/** The text of a file in images/, e.g. `nginx/uploads/nginx.conf`. */
export function readImageFile(path: string): string {
  return readFileSync(new URL(path, images), "utf8");
}

/** What the Letta server is started with: file name -> text. `migrate.py` runs before it, in its own container. */
export function launcherFiles(): Record<string, string> {
  const folder = "letta/launcher";
  const names = readdirSync(new URL(folder, images)).filter((name) => name.endsWith(".py") && name !== "migrate.py");
  return Object.fromEntries(names.sort().map((name) => [name, readImageFile(`${folder}/${name}`)]));
}
