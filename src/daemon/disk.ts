import { statfs } from "node:fs/promises";

export interface DiskRoom {
  freeBytes: number;
  totalBytes: number;
  /** Zero where the file system makes them as they are needed. */
  totalFiles: number;
  freeFiles: number;
  /** What there is so little of that no new run starts; null when there is enough. */
  lack: string | null;
}

/** Below `least`, or a twentieth of all as long as that is under `plenty`: of large disks a twentieth is room for years of runs. */
const BYTES = { least: 500_000_000, plenty: 10_000_000_000 };
/** A run takes a file for its proof and one for each task that writes something. */
const FILES = { least: 100, plenty: 10_000 };
const SHARE = 0.05;

/** The room on the file system of a folder, as the daemon's user may use it. */
export async function diskRoom(folder: string): Promise<DiskRoom> {
  const { bavail, blocks, bsize, files, ffree } = await statfs(folder);
  return judgeRoom({ freeBytes: bavail * bsize, totalBytes: blocks * bsize, freeFiles: ffree, totalFiles: files });
}

export function judgeRoom(room: Omit<DiskRoom, "lack">): DiskRoom {
  const { freeBytes, totalBytes, freeFiles, totalFiles } = room;
  const lacks = [
    ...(isLow(freeBytes, totalBytes, BYTES) ? [`${megabytes(freeBytes)} of ${megabytes(totalBytes)} are free`] : []),
    ...(totalFiles > 0 && isLow(freeFiles, totalFiles, FILES)
      ? [`${freeFiles} of ${totalFiles} inodes are free: there can be hardly any new file`]
      : []),
  ];
  return { ...room, lack: lacks.length > 0 ? lacks.join("; ") : null };
}

function isLow(free: number, total: number, { least, plenty }: { least: number; plenty: number }): boolean {
  return free < least || (free < plenty && free < total * SHARE);
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1_000_000).toLocaleString("en-US")} MB`;
}
