import { type Unreadable, readRegularFile } from "../../kernel/regular-file.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { Digest } from "../../kernel/digest.ts";

/** Makes an artifact of a file that a task process has left. It is a regular file of `size` bytes, or the promise rejects. */
export async function storeLeftFile(
  path: string,
  size: number,
  max: number,
  artifacts: Pick<ArtifactStore, "put">,
): Promise<{ digest: Digest; size: number }> {
  const read = await readRegularFile(path, max);
  if (read.kind !== "bytes") throw new Error(`the file that its task process has left ${whyUnreadable(read)}`);
  if (read.bytes.length !== size) throw new Error("the file is not what its task process said it is");
  return artifacts.put(read.bytes);
}

/** The rest of a sentence that begins with the file. */
export function whyUnreadable(why: Unreadable): string {
  switch (why.kind) {
    case "absent":
      return "is not there";
    case "not_regular":
      return `is ${why.is}, not a file`;
    case "too_large":
      return `holds ${why.size} bytes, which is too much`;
    case "failed":
      return `cannot be read: ${why.code}`;
  }
}
