import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { buildSync } from "esbuild";
import { afterAll } from "vitest";

const built = new Map<string, string>();

afterAll(() => {
  for (const file of built.values()) rmSync(dirname(file), { recursive: true, force: true });
  built.clear();
});

/** The compiled entry of a process or thread, made once per test file from the sources and removed with it. `source` is below `src/`. */
export function builtEntry(source: string): string {
  const known = built.get(source);
  if (known !== undefined) return known;
  const file = join(mkdtempSync(join(tmpdir(), "cascade-entry-")), "main.mjs");
  buildSync({
    entryPoints: [join(import.meta.dirname, "../../src", source)],
    outfile: file,
    bundle: true,
    platform: "node",
    target: "node20.19",
    format: "esm",
    // Libraries in CommonJS ask for Node's own modules.
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
  });
  built.set(source, file);
  return file;
}
