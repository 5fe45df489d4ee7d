import { statfs } from "node:fs/promises";

export interface DiskRoom {
  freeBytes: number;
  totalBytes: number;
  /** Below 500 MB or 5 % free, the latter only below 10 GB: no new run starts. */
  low: boolean;
}

const LOW_BYTES = 500_000_000;
const LOW_SHARE = 0.05;
/** Five hundredths of a large disk are room for years of runs: with this much left, the share says nothing. */
const PLENTY_BYTES = 10_000_000_000;

/** The room on the file system of a folder, as the daemon's user may use it. */
export async function diskRoom(folder: string): Promise<DiskRoom> {
  const { bavail, blocks, bsize } = await statfs(folder);
  return judgeRoom(bavail * bsize, blocks * bsize);
}

export function judgeRoom(freeBytes: number, totalBytes: number): DiskRoom {
  const low = freeBytes < LOW_BYTES || (freeBytes < PLENTY_BYTES && freeBytes < totalBytes * LOW_SHARE);
  return { freeBytes, totalBytes, low };
}
