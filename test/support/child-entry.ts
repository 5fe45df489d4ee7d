import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildSync } from "esbuild";

let built: string | undefined;

/** The compiled entry of task processes, made once per test process from the sources and removed with it. */
export function childEntry(): string {
  if (built !== undefined) return built;
  const folder = mkdtempSync(join(tmpdir(), "cascade-child-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  built = join(folder, "main.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "../../src/adapters/process/child/main.ts")],
    outfile: built,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
  });
  return built;
}
