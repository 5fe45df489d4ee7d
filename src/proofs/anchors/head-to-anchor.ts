import type { Tlog, TlogHead } from "../../domain/tlog.ts";
import type { HeadToAnchor } from "../../ports/anchor.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { consistencyPath } from "../tlog/merkle.ts";
import { tileNodes } from "../tlog/tiles.ts";

/** A head of a log with what is needed to show that it continues earlier ones. */
export function headToAnchor(
  { origin, vkey }: Tlog,
  { size, checkpoint }: TlogHead,
  anchoredSize: number,
  files: Pick<TlogFiles, "read">,
): HeadToAnchor {
  const nodes = tileNodes(size, (path) => files.read(path));
  const consistencyFrom = (from: number) => consistencyPath(from, size, nodes);
  return { origin, vkey, size, checkpoint, anchoredSize, consistencyFrom };
}
