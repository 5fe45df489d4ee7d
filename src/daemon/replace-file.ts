import { chmodSync, chownSync, statSync } from "node:fs";
import { writeFileAtomic } from "../kernel/atomic-file.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";

/** Puts other content into a file, whole or not at all, and keeps its mode and owner. Throws `CANNOT_CREATE`. */
export function replaceFile(path: string, content: string | Uint8Array): void {
  try {
    const before = statSync(path);
    writeFileAtomic(path, content, {
      beforeRename() {
        const { uid, gid } = statSync(`${path}.tmp`);
        if (uid !== before.uid || gid !== before.gid) chownSync(`${path}.tmp`, before.uid, before.gid);
        // After the owner, which takes bits away; and apart from creation, where the umask would.
        chmodSync(`${path}.tmp`, before.mode & 0o777);
      },
    });
  } catch (error) {
    throw new CascadeError("CANNOT_CREATE", `cannot write ${path}: ${toCascadeError(error).message}`, { cause: error });
  }
}
