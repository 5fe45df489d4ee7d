import type { Digest } from "../kernel/digest.ts";
import type { WorkflowDefinition } from "./workflow.ts";

/** The format this version writes and reads. */
export const MANIFEST_FORMAT = 1;
/** The contract between bundle and task host. A package that asks for another one is not loaded. */
export const HOST_API = 1;
export const MANIFEST_FILE = "manifest.json";
export const BUNDLE_FILE = "bundle.mjs";
export const ASSETS_FOLDER = "assets";

export interface PackageFile {
  /** Relative to the package, `/`-separated, without `.` or `..`. */
  path: string;
  sha256: Digest;
  size: number;
  /** 0o644 or 0o755. */
  mode: number;
}

/** One digest per part of a package, so that a difference can be named and not only noticed. */
export interface Fingerprint {
  /** Tasks, their order and their dependencies. */
  structure: Digest;
  policies: Digest;
  triggers: Digest;
  /** Of the schemas of params, without notes. Absent in the first packages, whose `structure` holds them. */
  schema?: Digest;
  /** By workflow whose schema is written in its options: digest of its code, which may do more than the JSON Schema says. */
  schemas?: Readonly<Record<string, Digest>>;
  /** Of everything in the bundle that is no task's function: of `sources`, where there are any. */
  shared: Digest;
  /**
   * By source of the bundle, or folder of a dependency: digest of its code beside tasks and definitions. Absent in the first
   * packages, whose `shared` is over definitions and the SDK, too.
   */
  sources?: Readonly<Record<string, Digest>>;
  /** Of what Cascade itself puts into a bundle. Absent without a bundle, and in the first packages. */
  sdk?: Digest;
  /** `workflow/task` → digest of the function's text, or of the command. */
  tasks: Readonly<Record<string, Digest>>;
  assets: Readonly<Record<string, Digest>>;
  environment: Digest;
  runtime: Digest;
}

/** `manifest.json`: everything the daemon knows about a package; it never runs code to learn more. */
export interface Manifest {
  format: typeof MANIFEST_FORMAT;
  hostApi: typeof HOST_API;
  name: string;
  version: string;
  description: string;
  /** Names of the environment variables that its tasks are given. */
  env: readonly string[];
  workflows: readonly WorkflowDefinition[];
  /** Every other file of the archive, sorted by path. */
  files: readonly PackageFile[];
  fingerprint: Fingerprint;
}

/** What a run needs to know of the package it came from. */
export interface PackageIdentity {
  name: string;
  version: string;
  digest: Digest;
}
