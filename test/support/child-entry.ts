import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll } from "vitest";

let built: string | undefined;

afterAll(() => {
  if (built !== undefined) rmSync(dirname(built), { recursive: true, force: true });
  built = undefined;
});

/** The compiled entry of task processes, made once per test file from the sources and removed with it. */
export function childEntry(): string {
  if (built !== undefined) return built;
  built = join(mkdtempSync(join(tmpdir(), "cascade-child-")), "main.mjs");
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
