import type { Manifest } from "../domain/manifest.ts";
import type { PackageSignature } from "../domain/package-signature.ts";
import type { Digest } from "../kernel/digest.ts";
import type { CascadeError } from "../kernel/errors.ts";

export interface PackageContent {
  /** SHA-256 of the bytes of `manifest.json`: the package's digest. */
  digest: Digest;
  manifest: Manifest;
  manifestBytes: Buffer;
  /** By path, checked against the manifest's list; all of them, unless it was only inspected. */
  files: ReadonlyMap<string, Buffer>;
  /** As they are, unchecked but for size and number; sorted by key. */
  signatures: readonly PackageSignature[];
}

/**
 * whole       a valid package.
 * incomplete  it ends early, or its checksum is wrong: it may still be arriving, in whatever order it is written.
 * broken      no longer copying can make it a package.
 */
export type ArchiveReading =
  | { kind: "whole"; content: PackageContent }
  | { kind: "incomplete"; error: CascadeError }
  | { kind: "broken"; error: CascadeError };

/** Reads package files in memory, under limits, touching nothing. */
export interface PackageArchive {
  /**
   * Looks at its form and computes with nothing that its author wrote. `NAME.cascade.yaml` is a file of commands; any other name, or
   * none, is an archive's.
   */
  read(bytes: Buffer, fileName?: string): Promise<ArchiveReading>;
  /** The same, but of a package that is larger than 16 MB unpacked no file is kept: `files` is empty. */
  inspect(bytes: Buffer, fileName?: string): Promise<ArchiveReading>;
  /** What keeps a package of good form from being loaded; undefined when nothing does. To be asked once it is admitted. */
  check(content: Pick<PackageContent, "manifest" | "manifestBytes">): Promise<CascadeError | undefined>;
}

/** The unpacked code by package digest. A folder is there whole or not at all. */
export interface CodeStore {
  has(digest: Digest): Promise<boolean>;
  /** Durable when it resolves. Putting what is there already changes nothing. Rejects with `STORE_FULL` or `IO_FAILED`. */
  put(content: PackageContent): Promise<void>;
  remove(digest: Digest): Promise<void>;
  list(): Promise<readonly Digest[]>;
  /** Removes what an interrupted `put` left behind. */
  sweepStaging(): Promise<void>;
}

/** Looks at the unpacked code without changing anything. */
export interface StoredCode {
  /** Digests of all files that are there, by path; undefined when the package is not. Rejects with `IO_FAILED`. */
  digests(digest: Digest): Promise<ReadonlyMap<string, Digest> | undefined>;
}
