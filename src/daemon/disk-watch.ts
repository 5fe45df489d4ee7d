import type { Clock } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import { diskRoom } from "./disk.ts";

export interface DiskWatchOptions {
  folder: string;
  clock: Clock;
  logger: Logger;
  /** What there is too little of, or null. */
  onChange(lack: string | null): void;
}

const EVERY_MS = 15_000;

/** Watches the room on the data folder's disk, so that no run begins that could not be recorded to its end. */
export function createDiskWatch({ folder, clock, logger, onChange }: DiskWatchOptions): Service {
  let lack: string | null = null;
  let stopped = false;
  let callOff = (): void => undefined;

  async function look(): Promise<void> {
    const room = await diskRoom(folder).catch((err: unknown) => {
      logger.warn({ event: "disk.unknown", err }, "the free disk space could not be read");
    });
    if (stopped) return;
    callOff = clock.after(EVERY_MS, () => void look());
    if (!room || (room.lack === null && lack === null)) return;
    const was = lack;
    lack = room.lack;
    onChange(lack);
    const { freeBytes, freeFiles } = room;
    if (lack === null)
      logger.info({ event: "disk.enough", freeBytes, freeFiles }, "there is room on the disk again: runs start");
    else if (was === null) {
      const err = new CascadeError("DISK_LOW", `too little room is left on the disk of ${folder}: ${lack}`);
      logger.warn({ event: "disk.low", freeBytes, freeFiles, err }, `${err.message}; no new run starts`);
    }
  }
  return createService(look, () => {
    stopped = true;
    callOff();
  });
}
