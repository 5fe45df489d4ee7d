import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import type { Manifest, PackageIdentity } from "../../src/domain/manifest.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { buildPackage } from "./build-package.ts";
import type { FolderContent } from "./package-folder.ts";
import { testArchive } from "./checks.ts";
import { testPackageBuilder } from "./package-builder.ts";

export interface Packed {
  identity: PackageIdentity;
  manifest: Manifest;
  /** Where it is unpacked. */
  folder: string;
  /** The `.cascade` file. */
  bytes: Buffer;
}

/** Packs sources with the real packer and unpacks them as the daemon does, to `root/<digest>`. Close it after use. */
export interface PackedStore {
  root: string;
  pack(content: FolderContent): Promise<Packed>;
  close(): Promise<void>;
}

export function createPackedStore(): PackedStore {
  const root = mkdtempSync(join(tmpdir(), "cascade-packed-"));
  const builder = testPackageBuilder();
  const archive = testArchive();
  const store = createCodeStore({ root, pid: process.pid, crashPoint: noCrashPoint });
  return {
    root,
    async pack(content) {
      const { bytes, manifest, digest } = await buildPackage(builder, content);
      const reading = await archive.read(Buffer.from(bytes));
      if (reading.kind !== "whole") throw reading.error;
      await store.put(reading.content);
      const { name, version } = manifest;
      return { identity: { name, version, digest }, manifest, folder: join(root, digest), bytes: Buffer.from(bytes) };
    },
    async close() {
      await builder.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}
