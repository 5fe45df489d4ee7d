import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { fingerprintOf } from "../../src/domain/fingerprint.ts";
import type { Manifest, PackageIdentity } from "../../src/domain/manifest.ts";
import { catchUpKinds, type ScheduleDefinition } from "../../src/domain/workflow.ts";
import { canonicalBytes } from "../../src/kernel/canonical-json.ts";
import { type Digest, sha256 } from "../../src/kernel/digest.ts";
import type { PackageContent } from "../../src/ports/package-archive.ts";
import { definition, task } from "./definitions.ts";

export interface TinyPackageOptions {
  name?: string;
  version?: string;
  /** The text of its bundle; another text is other content. */
  body?: string;
  schedules?: readonly Partial<ScheduleDefinition>[];
  /** By path below `assets/`. */
  assets?: Readonly<Record<string, { text: string; mode?: number }>>;
}

export interface TinyPackage {
  identity: PackageIdentity;
  content: PackageContent;
  /** The `.cascade` file. */
  bytes: Buffer;
}

/** A valid package with one workflow `flow` of one task, without the packer. */
export function tinyPackage(options: TinyPackageOptions = {}): TinyPackage {
  const { name = "tiny", version = "1.0.0", body = "export default 1;\n" } = options;
  const files = new Map([["bundle.mjs", Buffer.from(body)]]);
  const modes = new Map<string, number>();
  for (const [path, { text, mode }] of Object.entries(options.assets ?? {})) {
    files.set(`assets/${path}`, Buffer.from(text));
    modes.set(`assets/${path}`, mode ?? 0o644);
  }
  const workflows = [definition([task("only")], { schedules: (options.schedules ?? []).map(schedule) })];
  const listed = [...files]
    .map(([path, bytes]) => ({ path, sha256: sha256(bytes), size: bytes.length, mode: modes.get(path) ?? 0o644 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const manifest: Manifest = {
    format: 1,
    hostApi: 1,
    name,
    version,
    description: "",
    env: [],
    workflows,
    files: listed,
    fingerprint: fingerprintOf({
      workflows,
      env: [],
      files: listed,
      functions: new Map([["flow/only", body]]),
      sources: { "bundle.mjs": sha256(body) },
      schemas: {},
      sdk: null,
      toolchain: {},
    }),
  };
  const manifestBytes = canonicalBytes(manifest);
  const digest = sha256(manifestBytes);
  const bytes = archive([
    { path: "manifest.json", bytes: manifestBytes, mode: 0o644 },
    ...manifest.files.map(({ path, mode }) => ({ path, bytes: files.get(path)!, mode })),
  ]);
  return {
    identity: { name, version, digest },
    content: { digest, manifest, manifestBytes, files, signatures: [] },
    bytes,
  };
}

/** A digest nobody has. */
export const noDigest: Digest = "f".repeat(64);

function schedule(change: Partial<ScheduleDefinition>): ScheduleDefinition {
  return {
    name: "each-minute",
    cron: "* * * * *",
    timezone: null,
    params: null,
    catchUp: { kind: catchUpKinds[1], max: 10 },
    overlap: "skip",
    ...change,
  };
}

function archive(entries: readonly { path: string; bytes: Buffer; mode: number }[]): Buffer {
  const blocks: Buffer[] = [];
  for (const { path, bytes, mode } of entries) {
    const header = new Header({ path, mode, size: bytes.length, type: "File", mtime: new Date(0), uid: 0, gid: 0 });
    const block = Buffer.alloc(512);
    header.encode(block, 0);
    blocks.push(block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512));
  }
  const packed = gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]), { level: 9 });
  // The system byte, so that the same content is the same file everywhere.
  packed[9] = 255;
  return packed;
}
