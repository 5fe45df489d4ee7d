import type { Clock } from "../kernel/clock.ts";
import { CascadeError, type ErrorView, errorView } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import { type DataFolder, mendDataFolder } from "./data-folder.ts";
import { diskRoom } from "./disk.ts";

export interface DiskWatchOptions {
  data: DataFolder;
  clock: Clock;
  logger: Logger;
  /** What there is too little of, or null. */
  onChange(lack: string | null): void;
}

export interface DiskWatch extends Service {
  /** Why the daemon may not work in a folder of its own; null when it may. */
  trouble(): ErrorView | null;
}

const EVERY_MS = 15_000;

/**
 * Watches the room on the data folder's disk, so that no run begins that could not be recorded to its end, and the folders in it,
 * which are made again when somebody has deleted them.
 */
export function createDiskWatch({ data, clock, logger, onChange }: DiskWatchOptions): DiskWatch {
  let lack: string | null = null;
  let trouble: ErrorView | null = null;
  let stopped = false;
  let callOff = (): void => undefined;

  async function look(): Promise<void> {
    const room = await diskRoom(data.root).catch((err: unknown) => {
      logger.warn({ event: "disk.unknown", err }, "the free disk space could not be read");
    });
    if (stopped) return;
    callOff = clock.after(EVERY_MS, () => void look());
    lookAtFolders();
    if (!room || (room.lack === null && lack === null)) return;
    const was = lack;
    lack = room.lack;
    onChange(lack);
    const { freeBytes, freeFiles } = room;
    if (lack === null)
      logger.info({ event: "disk.enough", freeBytes, freeFiles }, "there is room on the disk again: runs start");
    else if (was === null) {
      const err = new CascadeError("DISK_LOW", `too little room is left on the disk of ${data.root}: ${lack}`);
      logger.warn({ event: "disk.low", freeBytes, freeFiles, err }, `${err.message}; no new run starts`);
    }
  }

  function lookAtFolders(): void {
    try {
      for (const folder of mendDataFolder(data))
        logger.warn({ event: "data.folder_made", folder }, `${folder} was gone, and was made again`);
      trouble = null;
    } catch (error) {
      const found = errorView(error);
      if (found.message !== trouble?.message) logger.error({ event: "data.unusable", err: error }, found.message);
      trouble = found;
    }
  }

  const service = createService(look, () => {
    stopped = true;
    callOff();
  });
  return { ...service, trouble: () => trouble };
}
