// Compiles src/ to dist/ and copies what tsc does not: migrations.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, rmSync } from "node:fs";

rmSync("dist", { recursive: true, force: true });
const compiled = spawnSync(process.execPath, ["node_modules/typescript/bin/tsc", "-p", "tsconfig.build.json"], {
  stdio: "inherit",
});
if (compiled.status !== 0) process.exit(compiled.status ?? 1);
cpSync("src/adapters/sqlite/migrations", "dist/adapters/sqlite/migrations", { recursive: true });
chmodSync("dist/cli/main.js", 0o755);
