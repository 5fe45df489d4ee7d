import type { Manifest } from "../domain/manifest.ts";
import type { JsonSchema } from "../domain/workflow.ts";
import type { Digest } from "../kernel/digest.ts";
import type { CascadeError } from "../kernel/errors.ts";
import type { Json } from "../kernel/json.ts";

/** One thing that a schema finds wrong with a value. */
export interface SchemaMistake {
  /** A JSON pointer to the place in the value; empty for the whole. */
  pointer: string;
  message: string;
  /** Of the schema: what was not satisfied. */
  keyword: string;
}

/** A value, and the JSON text that it was read from or is written as. */
export interface CheckedValue {
  value: Json;
  text: string;
}

/**
 * Whatever is computed with what strangers wrote. What is not surely quick is done beside the main thread, under a deadline and a
 * limit of memory, so that no package, and no request, stops the daemon.
 */
export interface Checks {
  /**
   * Reads the form of `manifest.json` and computes with nothing in it: JSON, canonical bytes, known fields, names, graphs, paths,
   * limits. The error is `PACKAGE_NEEDS_NEWER_CASCADE`, `PACKAGE_INVALID` with up to a hundred problems, or `PACKAGE_TOO_COMPLEX`.
   */
  manifest(bytes: Buffer): Promise<{ manifest: Manifest } | { error: CascadeError }>;
  /**
   * The manifest, in canonical bytes, of a file of shell commands in YAML by its name and bytes; nothing in it is run. The error is
   * `NAME_INVALID`, `YAML_INVALID`, `PACKAGE_TOO_LARGE`, `PACKAGE_INVALID` with up to a hundred problems, or `PACKAGE_TOO_COMPLEX`.
   */
  commands(fileName: string, bytes: Buffer): Promise<{ manifestBytes: Buffer } | { error: CascadeError }>;
  /**
   * What keeps a package of good form from being loaded: schedules, schemas, the params of schedules, digests of its fingerprint. To be
   * asked when it is admitted. `PACKAGE_INVALID` with up to a hundred problems, `PACKAGE_TOO_COMPLEX`, or undefined.
   */
  definitions(manifest: Manifest, manifestBytes: number): Promise<CascadeError | undefined>;
  /**
   * What is wrong with each of the values by one schema, up to a hundred things each. `key` names the schema for as long as it does not
   * change. Rejects with `PARAMS_CHECK_TIMEOUT` when that takes longer than 250 ms or more memory than there is for it; a
   * schema to which that happens twice is not tried again.
   */
  params(
    key: Digest,
    schema: JsonSchema,
    values: readonly CheckedValue[],
  ): Promise<readonly (readonly SchemaMistake[])[]>;
  /** Ends what runs beside the main thread. */
  close(): void;
}
