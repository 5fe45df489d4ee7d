import { join } from "node:path";
import type { ReceiptFiles } from "../../ports/anchor.ts";
import { fileErrors } from "./durable-files.ts";
import type { SyncedWriter } from "./synced-writer.ts";

const io = fileErrors("receipts of anchors cannot be written");

/** Below `tlog-anchors/` of the data folder. */
export function createReceiptFiles(folder: string, writer: SyncedWriter): ReceiptFiles {
  return {
    write: (files) =>
      io(() =>
        writer.replace(
          files.map(({ name, bytes }) => ({
            path: join(folder, name),
            temp: join(folder, `${name}.tmp`),
            content: bytes,
          })),
          { durable: true },
        ),
      ),
  };
}
