// `npm start`: builds what changed, packs the examples into a data folder of this checkout, and runs the daemon in the foreground.
import { execFile, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs, promisify } from "node:util";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "dist/cli/main.js");
const say = (text) => process.stderr.write(`${text}\n`);

const data = resolve(dataOption() ?? join(root, ".cascade"));
if (isBuilt()) say("built: dist/ is newer than its sources");
else build();
await packExamples();
say(`running the daemon; ask it from another terminal: npx cascade status --data ${shown(data)}\n`);
// In this process, so that a signal meets the daemon itself, whoever sends it.
process.argv = [process.execPath, program, "daemon", "--data", data];
await import(pathToFileURL(program).href);

function dataOption() {
  try {
    return parseArgs({ options: { data: { type: "string" } } }).values.data;
  } catch (error) {
    say(`${error.message}\nnpm start [-- --data FOLDER]`);
    process.exit(64);
  }
}

/** As someone in this folder would type it. */
function shown(path) {
  const short = relative(process.cwd(), path);
  return short === "" || short.startsWith("..") ? path : short;
}

/** The build makes the code cache last: its file means that everything before has worked. */
function isBuilt() {
  const built = statSync(join(root, "dist/cli/program.cjs.cache"), { throwIfNoEntry: false })?.mtimeMs;
  if (built === undefined || !statSync(program, { throwIfNoEntry: false })) return false;
  const settings = ["build.mjs", "package.json", "tsconfig.json", "tsconfig.build.json"].map((name) =>
    join(root, name),
  );
  const sources = ["src", "scripts"].flatMap((name) => everythingIn(join(root, name)));
  return [...settings, ...sources].every((path) => statSync(path).mtimeMs < built);
}

/** Folders too: they change when a file in them goes. */
function everythingIn(folder) {
  return [folder, ...readdirSync(folder, { recursive: true }).map((name) => join(folder, name))];
}

function build() {
  say("building src/ to dist/ …");
  const { status } = spawnSync(process.execPath, [join(root, "build.mjs")], { cwd: root, stdio: "inherit" });
  if (status === 0) return;
  say("the build failed");
  process.exit(1);
}

/** The same sources give the same bytes, so a running daemon sees nothing new. */
async function packExamples() {
  const packages = join(data, "packages");
  // Its owner's alone from the first moment, as the daemon wants its data folder.
  mkdirSync(packages, { recursive: true, mode: 0o700 });
  const examples = join(root, "packages-example");
  const names = readdirSync(examples, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
  );
  say(`packing ${names.join(", ")} into ${shown(packages)}`);
  try {
    const pack = (name) =>
      promisify(execFile)(process.execPath, [program, "pack", join(examples, name), "-o", packages]);
    await Promise.all(names.map(pack));
  } catch (error) {
    say(error.stderr || error.message);
    process.exit(1);
  }
}
