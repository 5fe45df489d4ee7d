import type { Tlog } from "../../domain/tlog.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { emptyLog, type LogEnd, nextEnd } from "./appender.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { LeafMaker } from "./leaf-maker.ts";
import { readLogEnd } from "./log-end.ts";
import { rootOf } from "./merkle.ts";
import { tileNodes } from "./tiles.ts";

export interface RestorePorts {
  store: Pick<TlogStore, "statementsAfter">;
  files: TlogFiles;
  leafOf: LeafMaker;
  logger: Logger;
}

/**
 * The end of the log at a signed head, out of its tiles. Missing ones are made again from the statements: the same leaves give
 * the same bytes. Rejects with `TLOG_FORKED` when what is there has another root than the one that was signed, with
 * `TLOG_DAMAGED` when files are missing and cannot be made again.
 */
export async function logEndAt({ size, root }: Checkpoint, tlog: Tlog, ports: RestorePorts): Promise<LogEnd> {
  const { files, logger } = ports;
  let end = await readLogEnd(size, files);
  if (!end) {
    logger.warn({ event: "tlog.rebuilding" }, "files of the transparency log are missing: making them again");
    end = await rebuild(size, tlog, ports);
  }
  if (
    (
      await rootOf(
        size,
        tileNodes(size, (path) => files.read(path)),
      )
    ).equals(root)
  )
    return end;
  throw new CascadeError("TLOG_FORKED", `the ${size} leaves in tlog/ have another root than the one that was signed`);
}

const REBUILD_BATCH = 1_024;

async function rebuild(size: number, { firstStatement }: Tlog, ports: RestorePorts): Promise<LogEnd> {
  const { store, files, leafOf } = ports;
  let end = emptyLog;
  while (end.edge.size < size) {
    const from = end.edge.size;
    const count = Math.min(REBUILD_BATCH, size - from);
    const statements = await store.statementsAfter(firstStatement + from - 1, count);
    if (statements.length < count) {
      throw new CascadeError("TLOG_DAMAGED", `files of tlog/ are missing, and the statements after leaf ${from} too`);
    }
    const step = nextEnd(end, statements.map(leafOf));
    await files.writeTiles(step.files);
    for (const path of step.filled) await files.removePartials(path);
    end = step.next;
  }
  return end;
}
