import { type BigIntStats, constants } from "node:fs";
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import type { FileLocation } from "../../domain/registry.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { PackageSource } from "../../ports/package-source.ts";
import { fileRefusal, fileStatOf, type WatchRights } from "./folder-listing.ts";

/** Reads one package file as the port promises; `maxBytes` is its limit. */
export async function readPackageFile(
  { folder, name }: FileLocation,
  limits: WatchRights & { maxBytes: number },
): ReturnType<PackageSource["read"]> {
  const path = join(folder, name);
  let handle: FileHandle | undefined;
  try {
    // Without O_NONBLOCK a pipe put in the file's place would hold the daemon for ever.
    handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const before = await handle.stat({ bigint: true });
    if (!before.isFile()) return undefined;
    const folderStat = await stat(folder, { bigint: true });
    const refusal = fileRefusal(path, before, folderStat, limits);
    if (refusal) throw new CascadeError("WATCH_UNSAFE", refusal.message, { hint: refusal.hint });
    if (before.size > limits.maxBytes) {
      throw new CascadeError("PACKAGE_TOO_LARGE", `${path} has ${before.size} bytes; the limit is ${limits.maxBytes}`);
    }
    const bytes = await readWhole(handle, Number(before.size));
    const after = await handle.stat({ bigint: true });
    const changed =
      BigInt(bytes.length) !== before.size ||
      after.size !== before.size ||
      after.mtimeNs !== before.mtimeNs ||
      after.ctimeNs !== before.ctimeNs;
    return { bytes, stat: fileStatOf(before, folderStat), changed };
  } catch (error) {
    if (error instanceof CascadeError) throw error;
    const code = systemErrorCode(error);
    if (code === "ENOENT" || code === "ELOOP") return undefined;
    if (code === "EACCES" || code === "EPERM") throw await unreadable(path, error);
    throw new CascadeError("IO_FAILED", `${path} cannot be read (${code ?? String(error)})`, { cause: error });
  } finally {
    await handle?.close();
  }
}

/** Up to `size` bytes: a file that grows meanwhile has changed anyway. */
async function readWhole(handle: FileHandle, size: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafe(size);
  let length = 0;
  while (length < size) {
    const { bytesRead } = await handle.read(bytes, length, size - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return bytes.subarray(0, length);
}

async function unreadable(path: string, cause: unknown): Promise<CascadeError> {
  const stats: BigIntStats | undefined = await stat(path, { bigint: true }).catch(() => undefined);
  const facts = stats
    ? ` (owner ${stats.uid}:${stats.gid}, mode ${(stats.mode & 0o7777n).toString(8).padStart(4, "0")})`
    : "";
  return new CascadeError("PACKAGE_UNREADABLE", `${path} may not be read by the daemon${facts}`, {
    cause,
    hint: `Run \`chmod a+r '${path}'\`.`,
  });
}
