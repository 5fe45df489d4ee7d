import type { Manifest } from "../domain/manifest.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Problem } from "../kernel/errors.ts";

export interface BuiltPackage {
  /** The `.cascade` file. Equal for equal sources, wherever they lie. */
  bytes: Buffer;
  /** `NAME-VERSION.cascade` */
  fileName: string;
  /** SHA-256 of the bytes of `manifest.json`: the package's digest. */
  digest: Digest;
  manifest: Manifest;
}

/** Makes `.cascade` files of the folders that authors work in. The folder is only read. */
export interface PackageBuilder {
  /** Rejects with the code and message of the first problem; its `problems` are all of them. */
  build(folder: string): Promise<BuiltPackage>;
  /** Every problem that would keep the folder from being packed; empty when there is none. */
  check(folder: string): Promise<readonly Problem[]>;
}
