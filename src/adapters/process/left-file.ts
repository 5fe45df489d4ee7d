import { open } from "node:fs/promises";
import { constants } from "node:fs";
import type { Output } from "../../domain/run.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { CrashPoint } from "../../kernel/crash-points.ts";

/**
 * Makes an artifact of the output file that a task process has left. The file is what the process said it is, or the
 * promise rejects: no link, a regular file, that many bytes.
 */
export async function storeLargeOutput(
  path: string,
  size: number,
  outputMax: number,
  artifacts: Pick<ArtifactStore, "put">,
  crashPoint: CrashPoint,
): Promise<Output> {
  // Without O_NONBLOCK, opening a pipe in the file's place would wait for its writer.
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = await file.stat();
    if (!stat.isFile() || stat.size !== size || size > outputMax) {
      throw new Error("the output file is not what its task process said it is");
    }
    const stored = await artifacts.put(await file.readFile());
    crashPoint("large-output-stored");
    return { kind: "artifact", ...stored };
  } finally {
    await file.close();
  }
}
