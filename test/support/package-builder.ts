import { buildSync } from "esbuild";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createPackageBuilder } from "../../src/adapters/archive/package-builder.ts";
import { createSchemaRules } from "../../src/adapters/checks/schema-rules.ts";
import { createCalendar } from "../../src/adapters/time/calendar.ts";
import type { PackageBuilder } from "../../src/ports/package-builder.ts";
import { realClock } from "./real-clock.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** The SDK's source and the zod of this repository. */
export const sdkEntry = join(root, "src/sdk/index.ts");
export const zodEntry = join(root, "node_modules/zod/index.js");

/** The real builder over the sources of this repository. Close it after use. */
export function testPackageBuilder(
  options: { timeLimitMs?: number } = {},
): PackageBuilder & { close(): Promise<void> } {
  const tempFolder = mkdtempSync(join(tmpdir(), "cascade-builder-"));
  const describeEntry = join(tempFolder, "describe-entry.mjs");
  buildSync({
    entryPoints: [join(root, "src/adapters/archive/describe-entry.ts")],
    outfile: describeEntry,
    bundle: true,
    platform: "node",
    format: "esm",
    logLevel: "silent",
  });
  const builder = createPackageBuilder({
    calendar: createCalendar(),
    schemas: createSchemaRules({ isQuick: false }),
    sdkEntry,
    zodEntry,
    describeEntry,
    nodePath: process.execPath,
    tempFolder,
    clock: realClock,
    timeLimitMs: options.timeLimitMs ?? 15_000,
  });
  return { ...builder, close: () => rm(tempFolder, { recursive: true, force: true }) };
}
