import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { systemErrorCode } from "./errors.ts";

/** Why a path that somebody else may have written was not read. */
export type Unreadable =
  | { kind: "absent" }
  /** `is` says what is there instead: `a named pipe`. */
  | { kind: "not_regular"; is: string }
  | { kind: "too_large"; size: number }
  /** `code` is that of the system call: `EACCES`. */
  | { kind: "failed"; code: string };

/**
 * Opens a file that others may have put there for reading: no link is followed, and nothing that would wait, such as a
 * pipe, is read from. The caller closes it.
 */
export async function openRegularFile(path: string): Promise<{ file: FileHandle; size: number } | Unreadable> {
  let file: FileHandle;
  try {
    // Without O_NONBLOCK, opening a pipe would wait for its writer, and hold one of the few threads for files.
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT") return { kind: "absent" };
    if (code === "ELOOP") return { kind: "not_regular", is: "a symbolic link" };
    if (code === "ENXIO") return { kind: "not_regular", is: "a socket or a device" };
    return { kind: "failed", code: code ?? String(error) };
  }
  try {
    const stat = await file.stat();
    if (stat.isFile()) return { file, size: stat.size };
    await file.close();
    const is = stat.isFIFO() ? "a named pipe" : stat.isDirectory() ? "a folder" : "a device";
    return { kind: "not_regular", is };
  } catch (error) {
    await file.close().catch(() => undefined);
    return { kind: "failed", code: systemErrorCode(error) ?? String(error) };
  }
}

/** The bytes of such a file, if there are no more than `max`: also of one that grows while it is read. */
export async function readRegularFile(
  path: string,
  max: number,
): Promise<{ kind: "bytes"; bytes: Buffer } | Unreadable> {
  const opened = await openRegularFile(path);
  if ("kind" in opened) return opened;
  const { file, size } = opened;
  try {
    if (size > max) return { kind: "too_large", size };
    const bytes = Buffer.alloc(size + 1);
    let length = 0;
    while (length < bytes.length) {
      const { bytesRead } = await file.read(bytes, length, bytes.length - length, length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    // One byte more than it had: somebody still writes.
    if (length > size) return { kind: "failed", code: "it changed while it was read" };
    return { kind: "bytes", bytes: bytes.subarray(0, length) };
  } catch (error) {
    return { kind: "failed", code: systemErrorCode(error) ?? String(error) };
  } finally {
    await file.close();
  }
}
