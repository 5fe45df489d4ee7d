import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import { createService, type Service } from "../kernel/service.ts";
import { diskRoom } from "./disk.ts";

export interface DiskWatchOptions {
  folder: string;
  clock: Clock;
  logger: Logger;
  onChange(low: boolean): void;
}

const EVERY_MS = 15_000;

/** Watches the free space of the data folder's disk, so that no run begins that could not be recorded to its end. */
export function createDiskWatch({ folder, clock, logger, onChange }: DiskWatchOptions): Service {
  let low = false;
  let stopped = false;
  let callOff = (): void => undefined;

  async function look(): Promise<void> {
    const room = await diskRoom(folder).catch((err: unknown) => {
      logger.warn({ event: "disk.unknown", err }, "the free disk space could not be read");
    });
    if (stopped) return;
    callOff = clock.after(EVERY_MS, () => void look());
    if (!room || room.low === low) return;
    low = room.low;
    const fields = { event: low ? "disk.low" : "disk.enough", freeBytes: room.freeBytes };
    if (low) logger.warn(fields, "too little disk space is left: no new run starts");
    else logger.info(fields, "there is disk space again: runs start");
    onChange(low);
  }
  return createService(look, () => {
    stopped = true;
    callOff();
  });
}
