import { appendFile, copyFile, glob, mkdir, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { run } from "../../scripts/lib/run.ts";

/**
 * Module -> its packages that are compiled as empty ones. Nothing of them but their registration is imported, this project uses
 * none, and a sixth of all packages is there for them alone.
 */
export const leftOut = {
  // Docker's provider: builders in Kubernetes.
  "github.com/docker/buildx": ["driver/kubernetes"],
  // The CLI: state in Azure, and keys of secrets in Azure and AWS.
  "gocloud.dev": ["blob/azureblob", "secrets/azurekeyvault", "secrets/awskms"],
} as const;

/**
 * Writes a go.mod that takes those modules from copies without these packages: Go does not read its own cache otherwise.
 *
 * @param folder gets the copies, go.mod and go.sum
 * @returns the go.mod
 */
export async function writeModFile(
  folder: string,
  { sources, env }: { readonly sources: string; readonly env: NodeJS.ProcessEnv },
): Promise<string> {
  const modFile = path.join(folder, "go.mod");
  // Of an interrupted build.
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const file of ["go.mod", "go.sum"]) await copyFile(path.join(sources, file), path.join(folder, file));
  for (const [module, packages] of Object.entries(leftOut)) {
    const json = await run("go", ["mod", "download", "-json", module], { cwd: sources, env, onLine: progress });
    const copy = path.join(folder, path.basename(module));
    await run("cp", ["-R", (JSON.parse(json) as { Dir: string }).Dir, copy]);
    // The cache is read-only.
    await run("chmod", ["-R", "u+w", copy]);
    for (const name of packages) {
      for await (const file of glob("*.go", { cwd: path.join(copy, name) })) await rm(path.join(copy, name, file));
      await writeFile(path.join(copy, name, "empty.go"), `package ${path.basename(name)}\n`);
    }
    await appendFile(modFile, `replace ${module} => ${copy}\n`);
  }
  return modFile;
}

const progress = (line: string) => (line.startsWith("go: ") ? "progress" : undefined);
