import type { Digest } from "../kernel/digest.ts";
import type { ErrorView } from "../kernel/errors.ts";
import type { Manifest, PackageIdentity } from "./manifest.ts";
import type { PackageSignature } from "./package-signature.ts";
import type { Schedule } from "./schedule.ts";
import type { NewStatement } from "./sealed-statement.ts";
import type { SnapshotContent } from "./snapshot.ts";
import type { WorkflowId } from "./workflow.ts";

/** Where a package file lies: a watched folder and a name in it. Unique together. */
export interface FileLocation {
  folder: string;
  name: string;
}

/** What tells one state of a file from the next without reading it. */
export interface FileStat {
  /** Of the folder it lies in: a file that is absent on another device may only be unmounted. */
  device: number;
  inode: number;
  size: number;
  /** Nanoseconds, as decimal text: they do not fit a number. */
  modifiedNs: string;
  changedNs: string;
}

/** A file in a watched folder, as the registry last knew it. */
export interface PackageFileRecord {
  location: FileLocation;
  state: "arriving" | "loaded" | "rejected";
  stat: FileStat;
  /** SHA-256 of the archive; recognises a file seen before. Null until it was read whole. */
  archiveDigest: Digest | null;
  /** Null unless its content is a package. */
  package: PackageIdentity | null;
  /** The loaded package that it held before it was overwritten with something arriving or rejected: it keeps serving. */
  keeps: Digest | null;
  error: ErrorView | null;
  /** When it was first seen, and when its state or content last changed. */
  seenAt: number;
  changedAt: number;
}

/** What admitted a package. */
export interface PackageTrust {
  /** Digest of the trust policy that it was judged by; null when there was none. */
  policy: Digest | null;
  /** The keys whose signatures counted, sorted; empty for a package that was let in unsigned. */
  signers: readonly Digest[];
  /**
   * For which moment each key that ever counted had to be valid: when its signature first did, under any policy. A key that runs out
   * later takes nothing back, and one that never counted is judged by the clock.
   */
  countedSince: Readonly<Record<Digest, number>>;
  /** Every signature that came with it, also those that did not count, sorted by key. */
  signatures: readonly PackageSignature[];
}

/** A package whose code is, or was, in the store. */
export interface PackageRecord extends PackageTrust {
  identity: PackageIdentity;
  manifest: Manifest;
  /** Digest of the statement that it was admitted under the policy; null without a policy. */
  admission: Digest | null;
  state: "loaded" | "unloaded";
  loadedAt: number;
  unloadedAt: number | null;
}

/** What admitted a package, loaded or not, without what it holds. */
export type AdmissionRecord = Pick<PackageRecord, "identity" | "admission" | "policy" | "signers">;

/** A live definition: what new runs of a workflow take. */
export interface WorkflowRecord {
  id: WorkflowId;
  snapshot: Digest;
  content: SnapshotContent;
  /** False while no loaded package has it; kept for its pause and its history. */
  present: boolean;
  pausedAt: number | null;
}

/** One step of the registry, written whole. */
export interface RegistryChange {
  at: number;
  /** Inserted or replaced by location. */
  files: readonly PackageFileRecord[];
  /** Files that are no longer there. */
  gone: readonly FileLocation[];
  /** Inserted or replaced by digest. */
  packages: readonly PackageRecord[];
  /** The statements that packages of this change were admitted. */
  statements: readonly NewStatement[];
  /**
   * Packages, by name, whose live definitions are replaced by these lists; what is in no list is no longer present.
   * They come as new; the store keeps what it knows of them by `workflowKeeping` and `scheduleKeeping`, in the same step.
   */
  served: readonly ServedPackage[];
}

export interface ServedPackage {
  name: string;
  /** The active version; null when none is left. */
  active: PackageIdentity | null;
  workflows: readonly WorkflowRecord[];
  schedules: readonly Schedule[];
}
