import { createHash, type Hash } from "node:crypto";
import { MANIFEST_FILE, type Manifest, type PackageFile } from "../../domain/manifest.ts";
import { manifestLimits } from "../../domain/manifest-check.ts";
import { keyOfSignaturePath, type PackageSignature, signatureLimits } from "../../domain/package-signature.ts";
import { packageFileKind } from "../../domain/package-file.ts";
import { sha256 } from "../../kernel/digest.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Checks } from "../../ports/checks.ts";
import type { ArchiveReading, PackageArchive, PackageContent } from "../../ports/package-archive.ts";
import { corrupt, EndsEarly, isEndUnwritten, PastMending, readGzip } from "./read-gzip.ts";
import { createTarReader } from "./read-tar.ts";

const MB = 1024 * 1024;
const OWNER_MAY_EXECUTE = 0o100;

export interface ArchiveLimits {
  /** Bytes of the `.cascade` file. */
  packed: number;
  /** Bytes of its files together. */
  unpacked: number;
  /** Its files, `manifest.json` included; signatures do not count. */
  entries: number;
}

/** What a package that may still be refused may hold of the daemon's memory. */
const INSPECTED_FILES_MAX = 16 * MB;

export const archiveLimits: ArchiveLimits = { packed: 32 * MB, unpacked: 128 * MB, entries: 2_000 };

/** Reads packages in memory. What is kept is bounded by what the manifest lists, and that by the limits. */
export function createPackageArchive(options: {
  checks: Pick<Checks, "manifest" | "commands" | "definitions">;
  limits?: Partial<ArchiveLimits>;
}): PackageArchive {
  const limits = { ...archiveLimits, ...options.limits };
  const { checks } = options;
  const readAs = (bytes: Buffer, fileName: string | undefined, keepUpTo: number) =>
    fileName !== undefined && packageFileKind(fileName) === "commands"
      ? readCommandPackage(bytes, fileName, checks)
      : readPackage(bytes, checks, limits, keepUpTo);
  return {
    read: (bytes, fileName) => readAs(bytes, fileName, limits.unpacked),
    inspect: (bytes, fileName) => readAs(bytes, fileName, INSPECTED_FILES_MAX),
    check: ({ manifest, manifestBytes }) => checks.definitions(manifest, manifestBytes.length),
  };
}

/** A text is whole however it ends; whether more of it is to come, only time tells. */
async function readCommandPackage(
  bytes: Buffer,
  fileName: string,
  checks: Pick<Checks, "manifest" | "commands">,
): Promise<ArchiveReading> {
  const read = await checks.commands(fileName, bytes);
  if ("error" in read) return { kind: "broken", error: read.error };
  const { manifestBytes } = read;
  const parsed = await checks.manifest(manifestBytes);
  if ("error" in parsed) return { kind: "broken", error: parsed.error };
  const { manifest } = parsed;
  const digest = sha256(manifestBytes);
  const content = { digest, archiveDigest: sha256(bytes), manifest, manifestBytes, files: new Map(), signatures: [] };
  return { kind: "whole", content };
}

async function readPackage(
  bytes: Buffer,
  checks: Pick<Checks, "manifest">,
  limits: ArchiveLimits,
  keepUpTo: number,
): Promise<ArchiveReading> {
  try {
    return { kind: "whole", content: await readContent(bytes, checks, limits, keepUpTo) };
  } catch (error) {
    if (error instanceof PastMending) return { kind: "broken", error: corrupt(error.message) };
    if (error instanceof EndsEarly || (error instanceof CascadeError && isEndUnwritten(bytes))) {
      const message = `the file ends early: ${bytes.length} bytes are there`;
      return { kind: "incomplete", error: new CascadeError("PACKAGE_TRUNCATED", message) };
    }
    if (!(error instanceof CascadeError)) throw error;
    // Copies that write out of order look like damage until they are done; only a file whose checksum is right is what its author made.
    return { kind: (await isDone(bytes, limits)) ? "broken" : "incomplete", error };
  }
}

/** Whether nothing of the file is still to be written: its own checksum says so, or it is refused however it goes on. */
async function isDone(bytes: Buffer, limits: ArchiveLimits): Promise<boolean> {
  let size = 0;
  try {
    for await (const piece of readGzip(bytes)) {
      size += piece.length;
      if (size > 2 * limits.unpacked) return true;
    }
    return true;
  } catch {
    return bytes.length > limits.packed;
  }
}

async function readContent(
  bytes: Buffer,
  checks: Pick<Checks, "manifest">,
  limits: ArchiveLimits,
  keepUpTo: number,
): Promise<PackageContent> {
  if (bytes.length > limits.packed) throw tooLarge(`${bytes.length} bytes packed`, limits.packed);
  const collected = createCollector(checks, limits, keepUpTo);
  const tar = createTarReader(collected);
  for await (const piece of readGzip(bytes)) await tar.write(piece);
  tar.finish();
  return collected.content();
}

/** A file of the archive while it is read. */
interface OpenFile {
  path: string;
  size: number;
  /** Its bytes so far; null when they are only hashed. */
  pieces: Buffer[] | null;
  /** Of more than one piece. */
  hash: Hash | undefined;
  filled: number;
}

/** Takes `manifest.json`, which must come first, then exactly the files it lists, and signatures. */
function createCollector(checks: Pick<Checks, "manifest">, limits: ArchiveLimits, keepUpTo: number) {
  let manifest: Manifest | undefined;
  let manifestBytes: Buffer | undefined;
  let listed = new Map<string, PackageFile>();
  let isKept = true;
  let open: OpenFile | undefined;
  const seen = new Set<string>();
  const files = new Map<string, Buffer>();
  const signatures = new Map<string, PackageSignature>();

  function begin(path: string, size: number, mode: number): void {
    if (manifest === undefined) expectManifest(path, size);
    else if (keyOfSignaturePath(path) !== undefined) expectSignature(path, size);
    else expectFile(path, size, mode);
    const pieces = isKept || !listed.has(path) ? [] : null;
    open = { path, size, pieces, hash: undefined, filled: 0 };
  }

  function expectManifest(path: string, size: number): void {
    if (path !== MANIFEST_FILE) throw new CascadeError("PACKAGE_INVALID", `its first file is not ${MANIFEST_FILE}`);
    if (size > manifestLimits.bytes) throw tooLarge(`${MANIFEST_FILE} of ${size} bytes`, manifestLimits.bytes);
  }

  function expectFile(path: string, size: number, mode: number): void {
    const file = listed.get(path);
    if (file === undefined) throw new CascadeError("PACKAGE_UNSAFE", `${JSON.stringify(path)} is not in the manifest`);
    if (seen.has(path)) throw new CascadeError("PACKAGE_UNSAFE", `${JSON.stringify(path)} is there twice`);
    if (file.size !== size) throw corrupt(`${path} has ${size} bytes, the manifest says ${file.size}`);
    // Other bits differ with the umask of whoever unpacked and packed it again.
    if (((mode ^ file.mode) & OWNER_MAY_EXECUTE) !== 0) {
      throw corrupt(`${path} has mode ${mode.toString(8)}, the manifest says ${file.mode.toString(8)}`);
    }
  }

  function expectSignature(path: string, size: number): void {
    if (signatures.has(path)) throw new CascadeError("PACKAGE_UNSAFE", `${JSON.stringify(path)} is there twice`);
    if (size > signatureLimits.bytes) throw tooLarge(`a signature of ${size} bytes`, signatureLimits.bytes);
    if (signatures.size === signatureLimits.count) {
      throw tooLarge(`${signatures.size + 1} signatures`, signatureLimits.count);
    }
  }

  function piece(bytes: Buffer): void {
    const file = open!;
    if (bytes.length < file.size) file.hash ??= createHash("sha256");
    file.hash?.update(bytes);
    file.filled += bytes.length;
    if (file.pieces) file.pieces.push(bytes);
    else if (!file.hash) file.hash = createHash("sha256").update(bytes);
  }

  function end(): Promise<void> | undefined {
    const { path, pieces, hash } = open!;
    open = undefined;
    const bytes = pieces === null ? undefined : pieces.length === 1 ? pieces[0]! : Buffer.concat(pieces);
    if (manifest === undefined) return takeManifest(bytes!);
    const keyId = keyOfSignaturePath(path);
    if (keyId !== undefined) {
      signatures.set(path, { keyId, bundle: bytes!.toString("utf8") });
      return undefined;
    }
    const digest = hash ? hash.digest("hex") : sha256(bytes ?? Buffer.alloc(0));
    if (listed.get(path)?.sha256 !== digest) throw corrupt(`${path} is not what the manifest says`);
    seen.add(path);
    if (bytes) files.set(path, bytes);
    return undefined;
  }

  async function takeManifest(bytes: Buffer): Promise<void> {
    const parsed = await checks.manifest(bytes);
    if ("error" in parsed) throw parsed.error;
    manifest = parsed.manifest;
    manifestBytes = bytes;
    listed = new Map(manifest.files.map((file) => [file.path, file]));
    const unpacked = manifest.files.reduce((sum, file) => sum + file.size, bytes.length);
    if (unpacked > limits.unpacked) throw tooLarge(`${unpacked} bytes unpacked`, limits.unpacked);
    if (listed.size + 1 > limits.entries) throw tooLarge(`${listed.size + 1} files`, limits.entries);
    isKept = unpacked <= keepUpTo;
  }

  return {
    begin,
    piece,
    end,
    content(): PackageContent {
      if (manifest === undefined || manifestBytes === undefined) throw corrupt("it is empty");
      const missing = manifest.files.find((file) => !seen.has(file.path));
      if (missing) throw corrupt(`${missing.path} is missing`);
      return {
        digest: sha256(manifestBytes),
        manifest,
        manifestBytes,
        files,
        signatures: [...signatures.values()].sort((a, b) => (a.keyId < b.keyId ? -1 : 1)),
      };
    },
  };
}

function tooLarge(what: string, limit: number): CascadeError {
  return new CascadeError("PACKAGE_TOO_LARGE", `the package has ${what}, more than ${limit}`);
}
