// Makes dist/: the program as one file with its code cache, the entries that run in processes of their own, and the SDK
// as files with their types.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const shared = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  sourcemap: "linked",
  sourcesContent: false,
  logLevel: "warning",
};
/** CommonJS has no `import.meta`. */
const asCommonJs = {
  format: "cjs",
  define: { "import.meta.url": "__moduleUrl" },
  banner: { js: 'const __moduleUrl = require("node:url").pathToFileURL(__filename).href;' },
};
/** Native, or a program of its own, or installed by those who need it. */
// As an ES module it would be there twice: cron-parser requires it.
const luxonOnce = { luxon: fileURLToPath(new URL("node_modules/luxon/build/node/luxon.js", import.meta.url)) };
const external = ["better-sqlite3", "esbuild", "ethers"];

/**
 * pino-roll takes five functions of date-fns with a `require`, which brings in the other two hundred: 10 ms of every start.
 */
const fewOfDateFns = {
  name: "few-of-date-fns",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^date-fns$/ }, ({ importer, resolveDir }) => {
      const [, names] = /const \{([\w\s,]+)\} = require\('date-fns'\)/.exec(readFileSync(importer, "utf8")) ?? [];
      if (names === undefined) return undefined;
      return {
        path: importer,
        namespace: "few",
        pluginData: { names: names.split(",").map((n) => n.trim()), resolveDir },
      };
    });
    onLoad({ filter: /./, namespace: "few" }, ({ pluginData: { names, resolveDir } }) => ({
      contents: names.map((name) => `export { ${name} } from "date-fns/${name}";`).join("\n"),
      resolveDir,
    }));
  },
};

/** Shows what the script says only when it fails. */
function run(...args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: "utf8" });
  if (status === 0) return;
  process.stderr.write(stdout + stderr);
  process.exit(status ?? 1);
}

/** The launcher reads the program as Latin-1. The bundler escapes other characters in strings, but not in regular expressions. */
function expectAscii(file) {
  const isOther = (line) => /[^\x00-\x7f]/.test(line) && !/^\s*(\*|\/[/*])/.test(line);
  const wrong = readFileSync(file, "utf8").split("\n").filter(isOther);
  if (wrong.length === 0) return;
  process.stderr.write(`${file} has characters that its launcher would misread:\n${wrong.join("\n")}\n`);
  process.exit(1);
}

rmSync("dist", { recursive: true, force: true });
await Promise.all([
  build({
    ...shared,
    ...asCommonJs,
    entryPoints: { program: "src/cli/main.ts" },
    outdir: "dist/cli",
    outExtension: { ".js": ".cjs" },
    external,
    alias: luxonOnce,
    plugins: [fewOfDateFns],
  }),
  build({ ...shared, ...asCommonJs, entryPoints: { main: "src/cli/launch.ts" }, outdir: "dist/cli" }),
  build({
    ...shared,
    format: "esm",
    entryPoints: { "describe-entry": "src/adapters/archive/describe-entry.ts" },
    outdir: "dist/adapters/archive",
  }),
  build({
    ...shared,
    ...asCommonJs,
    entryPoints: { "check-thread-entry": "src/daemon/check-thread-entry.ts" },
    outdir: "dist/daemon",
    outExtension: { ".js": ".cjs" },
    alias: luxonOnce,
  }),
  build({
    ...shared,
    ...asCommonJs,
    entryPoints: { main: "src/adapters/process/child/main.ts" },
    outdir: "dist/adapters/process/child",
    outExtension: { ".js": ".cjs" },
  }),
]);
expectAscii("dist/cli/program.cjs");
run("node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json");
cpSync("src/adapters/sqlite/migrations", "dist/cli/migrations", { recursive: true });
// Node takes 8 ms longer for a program whose first file is an ES module.
writeFileSync("dist/cli/package.json", '{ "type": "commonjs" }\n');
chmodSync("dist/cli/main.js", 0o755);
// Last: its file tells that everything before has worked.
run("scripts/make-code-cache.mjs");
