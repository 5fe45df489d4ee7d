import type { Tlog, TlogHead } from "../../domain/tlog.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { TlogStore } from "../../ports/store.ts";
import type { TlogFiles, TlogMark } from "../../ports/tlog-files.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { parseVkey } from "./note.ts";
import { readSignedCheckpoint } from "./signed-checkpoint.ts";

/** A head that some place remembers. */
export interface KnownHead {
  /** In words. */
  place: string;
  head: Checkpoint;
  /** The signed note. */
  checkpoint: string;
}

export interface HeadPlaces {
  store: Pick<TlogStore, "lastHead">;
  files: Pick<TlogFiles, "readLastSigned">;
  mark: Pick<TlogMark, "read">;
  logger: Logger;
}

/** Every head of a log that some place remembers. What is no whole note under the log's key says nothing and is left out. */
export async function knownHeads(
  places: HeadPlaces,
  { origin, vkey }: Pick<Tlog, "origin" | "vkey">,
): Promise<KnownHead[]> {
  const { store, files, mark, logger } = places;
  const key = parseVkey(vkey);
  const found: [string, string | undefined][] = [
    ["tlog/.state/last-signed", await files.readLastSigned()],
    ["the database", (await store.lastHead(origin))?.checkpoint],
    ["the mark outside the data folder", await mark.read(origin)],
  ];
  return found.flatMap(([place, checkpoint]) => {
    if (checkpoint === undefined) return [];
    const head = readSignedCheckpoint(checkpoint, key);
    if (head) return [{ place, head, checkpoint }];
    logger.warn({ event: "tlog.head.unreadable" }, `${place} does not hold a head of the log ${origin}`);
    return [];
  });
}

/** The signed heads of a log in the data folder, the largest first. Beside a working daemon the first may not be published yet. */
export async function ownHeads(
  { store, files }: Pick<HeadPlaces, "store"> & { files: Pick<TlogFiles, "read" | "readLastSigned"> },
  { origin, vkey }: Pick<Tlog, "origin" | "vkey">,
): Promise<KnownHead[]> {
  const key = parseVkey(vkey);
  // What is written last is read first: beside a working daemon none of them seems to be behind the one before it.
  const texts: [string, string | undefined][] = [
    ["the database", (await store.lastHead(origin))?.checkpoint],
    ["tlog/checkpoint", (await files.read("checkpoint"))?.toString("utf8")],
    ["tlog/.state/last-signed", await files.readLastSigned()],
  ];
  const heads = texts.flatMap(([place, checkpoint]): KnownHead[] => {
    const head = checkpoint === undefined ? undefined : readSignedCheckpoint(checkpoint, key);
    return head && checkpoint !== undefined ? [{ place, head, checkpoint }] : [];
  });
  return heads.toSorted((one, other) => other.head.size - one.head.size);
}

/** Every signed head of a log that the database knows, from one size to another, both included; the smallest first. */
export async function* headsBetween(
  origin: string,
  from: number,
  to: number,
  store: Pick<TlogStore, "headOver">,
): AsyncGenerator<TlogHead> {
  for (let size = from; ;) {
    const head = await store.headOver(origin, size);
    if (!head || head.size > to) return;
    yield head;
    size = head.size + 1;
  }
}
