// Runs a daemon of the built program on a folder of its own, lets it load a package and run it, and keeps the code that V8
// compiled meanwhile beside the program. `src/cli/launch.ts` takes it from there.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import vm from "node:vm";

const WITHIN_MS = 30_000;
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const main = join(root, "dist/cli/main.js");
const cache = join(root, "dist/cli/program.cjs.cache");
const data = mkdtempSync(join(tmpdir(), "cascade-build-"));
process.on("exit", () => rmSync(data, { recursive: true, force: true }));
mkdirSync(join(data, "packages"), { mode: 0o700 });
execFileSync(process.execPath, [main, "pack", join(root, "packages-example/hello"), "-o", join(data, "packages")]);

for (const name of Object.keys(process.env)) if (name !== "PATH") delete process.env[name];
process.env.HOME = data;
process.argv = [process.execPath, main, "daemon", "--data", data];
// The program is the one script that is made from here on.
let script;
vm.Script = class extends vm.Script {
  constructor(...options) {
    super(...options);
    script = this;
  }
};
syncBuiltinESMExports();
await import(pathToFileURL(main).href);

await until(async () => (await ask("GET", "/status")).state === "running");
const { id } = await ask("POST", "/runs", { workflow: "hello", params: {} });
await until(async () => (await ask("GET", `/runs/${id}`)).state === "succeeded");
for (const path of ["/packages", "/workflows", "/schedules", "/runs"]) await ask("GET", path);
writeFileSync(`${cache}.tmp`, script.createCachedData());
// The daemon's umask has closed it to others, who run the program too.
chmodSync(`${cache}.tmp`, 0o644);
renameSync(`${cache}.tmp`, cache);
process.kill(process.pid, "SIGTERM");

async function until(isSo) {
  const deadline = performance.now() + WITHIN_MS;
  while (!(await isSo().catch(() => false))) {
    if (performance.now() > deadline) throw new Error("the built daemon does not work: see what it says above");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function ask(method, path, body) {
  return new Promise((resolve, reject) => {
    const asked = request({ method, path: `/api/v1${path}`, socketPath: join(data, "cascade.sock") }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (piece) => (text += piece));
      answer.on("end", () => resolve(JSON.parse(text)));
    });
    asked.on("error", reject).setHeader("content-type", "application/json");
    asked.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
