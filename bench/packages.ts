import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createPackageArchive } from "../src/adapters/archive/package-archive.ts";
import { commandChecks } from "../src/daemon/check-thread.ts";
import { writeArchive } from "../src/adapters/archive/write-archive.ts";
import { MANIFEST_FILE } from "../src/domain/manifest.ts";
import { canonicalBytes } from "../src/kernel/canonical-json.ts";
import { type Digest, sha256 } from "../src/kernel/digest.ts";

/** A `.cascade` file in memory. */
export interface PackageFile {
  name: string;
  digest: Digest;
  bytes: Buffer;
}

/** Packs one workflow with the built program, as an author would. */
export function packWorkflow(
  root: string,
  folder: string,
  name: string,
  source: string,
  env: readonly string[] = [],
): PackageFile {
  const author = join(folder, name);
  mkdirSync(author, { recursive: true });
  const cascade = { entry: "workflow.ts", ...(env.length > 0 ? { env } : {}) };
  writeFileSync(join(author, "package.json"), JSON.stringify({ name, version: "1.0.0", type: "module", cascade }));
  writeFileSync(join(author, "workflow.ts"), source);
  const cli = join(root, "dist/cli/main.js");
  const packed = execFileSync(process.execPath, [cli, "pack", author, "-o", folder, "--json"], { encoding: "utf8" });
  const { path, digest } = JSON.parse(packed) as { path: string; digest: Digest };
  return { name, digest, bytes: readFileSync(path) };
}

/** The same package under another name: another digest, so that nothing of the first one is reused. */
export async function renamed(original: PackageFile, name: string): Promise<PackageFile> {
  const reading = await createPackageArchive({ checks: commandChecks() }).read(original.bytes);
  if (reading.kind !== "whole") throw reading.error;
  const { manifest, files } = reading.content;
  const manifestBytes = canonicalBytes({ ...manifest, name });
  const bytes = writeArchive([
    { path: MANIFEST_FILE, bytes: manifestBytes, mode: 0o644 },
    ...manifest.files.map(({ path, mode }) => ({ path, mode, bytes: files.get(path)! })),
  ]);
  return { name, digest: sha256(manifestBytes), bytes };
}

/** Lays a package into a folder before the daemon starts. */
export function lay(folder: string, { name, bytes }: PackageFile): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  writeFileSync(join(folder, `${name}.cascade`), bytes);
}
