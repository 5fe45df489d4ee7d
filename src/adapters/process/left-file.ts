import { open } from "node:fs/promises";
import { constants } from "node:fs";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { Digest } from "../../kernel/digest.ts";

/**
 * Makes an artifact of a file that a task process has left. The file is what the process said it is, or the promise rejects:
 * no link, a regular file, that many bytes.
 */
export async function storeLeftFile(
  path: string,
  size: number,
  max: number,
  artifacts: Pick<ArtifactStore, "put">,
): Promise<{ digest: Digest; size: number }> {
  // Without O_NONBLOCK, opening a pipe in the file's place would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size !== size || size > max) {
      throw new Error("the file is not what its task process said it is");
    }
    return await artifacts.put(await file.readFile());
  } finally {
    await file.close();
  }
}
