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
  /** What may go wrong when it runs, or is not what the author may think. */
  warnings: readonly Problem[];
}

/** What a folder would be packed to, with everything that is wrong with it. */
export interface Inspection {
  /** Null when there is a problem. */
  built: BuiltPackage | null;
  problems: readonly Problem[];
  warnings: readonly Problem[];
}

/** Makes `.cascade` files of the folders that authors work in, or of a file of commands. What is packed is only read. */
export interface PackageBuilder {
  /** Rejects with the code and message of the first problem; its `problems` are all of them. */
  build(path: string): Promise<BuiltPackage>;
  inspect(path: string): Promise<Inspection>;
}
