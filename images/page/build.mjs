// Makes the two files that the image has: the program, and the page with its script and style in it.
import { readFileSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const [to = "dist"] = process.argv.slice(2);
const common = { bundle: true, minify: true, logLevel: "warning" };
await build({
  ...common,
  entryPoints: ["src/main.ts"],
  outfile: `${to}/main.cjs`,
  platform: "node",
  target: "node24",
  // Optional parts of the Postgres client, which it asks for and does without.
  external: ["pg-native", "pg-cloudflare"],
});
const bundled = async (entry) => {
  const { outputFiles } = await build({
    ...common,
    entryPoints: [entry],
    write: false,
    outdir: to,
    jsxImportSource: "preact",
    jsx: "automatic",
  });
  return Object.fromEntries(outputFiles.map(({ path, text }) => [path.split(".").at(-1), text.trim()]));
};
const { js, css } = await bundled("src/client/main.tsx");
for (const name of ["page", "login"]) {
  const html = readFileSync(`src/client/${name}.html`, "utf8").replace("/*style*/", () => css);
  writeFileSync(
    `${to}/${name}.html`,
    html.replace("/*script*/", () => js.replaceAll("</script", "<\\/script")),
  );
}
