import type { Digest } from "../kernel/digest.ts";

/** Large outputs and recordings by the digest of their bytes. Putting the same bytes twice is one artifact. */
export interface ArtifactStore {
  /** Durable when it resolves. */
  put(bytes: Uint8Array): Promise<{ digest: Digest; size: number }>;
  /** Undefined when there is no such artifact. */
  get(digest: Digest): Promise<Buffer | undefined>;
  /** Deletes what is not in `keep`. */
  sweep(keep: ReadonlySet<Digest>): Promise<number>;
}
