// The measurements are TypeScript: bundles them, runs them, and removes the bundle.
import { build } from "esbuild";
import { existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
if (!existsSync(join(root, "dist/cli/main.js"))) {
  console.error("There is no built daemon to measure: run `npm run build` first.");
  process.exit(1);
}
// Inside node_modules, so that the bundle finds the project's dependencies.
const cache = join(root, "node_modules/.cache");
mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, "bench-"));
process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(130));

await build({
  entryPoints: [join(root, "bench/main.ts"), join(root, "bench/ceiling-main.ts"), join(root, "bench/ceiling-child.ts")],
  outdir: folder,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  packages: "external",
  platform: "node",
  target: "node20.19",
  format: "esm",
  logLevel: "warning",
});
const { main } = await import(pathToFileURL(join(folder, "main.mjs")).href);
process.exit(await main(process.argv.slice(2), root));
