import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/** A reader of `path` sees the old bytes or all of the new ones, whatever happens in between, power loss included. */
export function writeFileAtomic(
  path: string,
  bytes: string | Uint8Array,
  options: { mode?: number; beforeRename?: () => void } = {},
): void {
  const temp = `${path}.tmp`;
  rmSync(temp, { force: true });
  const fd = openSync(temp, "wx", options.mode ?? 0o600);
  try {
    const data = typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes;
    for (let offset = 0; offset < data.length;) offset += writeSync(fd, data, offset);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  options.beforeRename?.();
  renameSync(temp, path);
  fsyncFolder(dirname(path));
}

/** Makes names created, renamed or removed in a folder durable. */
export function fsyncFolder(path: string): void {
  const fd = openSync(path, "r");
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
