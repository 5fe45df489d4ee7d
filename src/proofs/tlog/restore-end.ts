import { isSigned } from "../../domain/sealed-statement.ts";
import type { Tlog } from "../../domain/tlog.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { type LogEnd, nextEnd } from "./appender.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { LeafMaker } from "./leaf-maker.ts";
import { logEndAtTile, readLogEnd } from "./log-end.ts";
import { rootOf } from "./merkle.ts";
import { parseTilePath, TILE_WIDTH, tileNodes } from "./tiles.ts";

export interface RestorePorts {
  store: Pick<TlogStore, "statementsAfter" | "headOver">;
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

/** Goes from one signed head to the next, because each of them has partial tiles of its own until they are full. */
async function rebuild(size: number, tlog: Tlog, ports: RestorePorts): Promise<LogEnd> {
  const { store, files, leafOf } = ports;
  const { origin, firstStatement, minimumIndex } = tlog;
  let end = await logEndAtTile(
    minimumIndex,
    tileNodes(size, (path) => files.read(path)),
  );
  while (end.edge.size < size) {
    const from = end.edge.size;
    const head = await store.headOver(origin, from + 1);
    const count = Math.min(REBUILD_BATCH, Math.min(head?.size ?? size, size) - from);
    const statements = (await store.statementsAfter(firstStatement + from - 1, count)).filter(isSigned);
    if (statements.length < count) {
      throw new CascadeError("TLOG_DAMAGED", `files of tlog/ are missing, and the statements after leaf ${from} too`);
    }
    const step = nextEnd(end, statements.map(leafOf));
    await files.writeTiles(step.files.filter(({ path }) => !isFullBy(path, size)));
    end = step.next;
  }
  return end;
}

/** Whether a partial tile is full in a log of this size: then it need not be there. */
function isFullBy(path: string, size: number): boolean {
  const tile = parseTilePath(path);
  if (!tile || tile.width === TILE_WIDTH) return false;
  const level = tile.kind === "entries" ? 0 : tile.level;
  return (tile.index + 1) * TILE_WIDTH <= Math.floor(size / TILE_WIDTH ** level);
}
