import { sha256 } from "../../kernel/digest.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Tlog } from "../../domain/tlog.ts";
import type { FormerHead } from "../../domain/tlog-statement.ts";
import { knownHeads } from "./known-heads.ts";
import { beginLog, type LogPorts } from "./open-log.ts";

/**
 * Gives up a log that cannot go on and opens another one in its place, under another name and key, whose leaf 0 holds the
 * largest head of the former log that is known. Statements that the former log is not known to hold go into the new one; the
 * former log's files stay where they can still be read.
 */
export async function adoptLog(ports: LogPorts): Promise<Tlog> {
  const { store, files, logger } = ports;
  const former = await store.tlog();
  if (!former) throw new CascadeError("INTERNAL", "there is no log yet that another one could take the place of");
  const [last] = (await knownHeads(ports, former)).toSorted((one, other) => other.head.size - one.head.size);
  const previous: FormerHead | null = last
    ? { origin: former.origin, size: last.head.size, checkpointDigest: sha256(last.checkpoint) }
    : null;
  const held = (await store.lastHead(former.origin))?.size ?? 1;
  await files.setAside(former.origin);
  const { tlog } = await beginLog(ports, former.firstStatement + held, previous);
  logger.warn(
    { event: "tlog.adopted", origin: tlog.origin, former: former.origin },
    `the transparency log ${tlog.origin} goes on in the place of ${former.origin}`,
  );
  return tlog;
}
