import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import type { Tlog, TlogHead } from "../../src/domain/tlog.ts";
import type { HeadToAnchor } from "../../src/ports/anchor.ts";
import { headToAnchor } from "../../src/proofs/anchors/head-to-anchor.ts";
import { createAppender, emptyLog } from "../../src/proofs/tlog/appender.ts";
import { formatVkey, type NoteKey } from "../../src/proofs/tlog/note.ts";
import { keyOfLog } from "../../src/proofs/tlog/signed-checkpoint.ts";
import { createMemoryMark, createMemoryTlogFiles, createTestTlogSigner, type MemoryTlogFiles } from "./memory-tlog.ts";

export interface GrowingLog {
  key: NoteKey;
  tlog: Tlog;
  files: MemoryTlogFiles;
  /** Appends so many leaves and gives the head over all of them. */
  grow(count: number): Promise<TlogHead>;
  /** Appends these leaves; see the appender. */
  append(bodies: readonly Buffer[]): ReturnType<ReturnType<typeof createAppender>["append"]>;
  /** A head as an anchor is given it that has seen another one before. */
  show(head: TlogHead, anchoredSize?: number): HeadToAnchor;
}

/** A log in memory. Two of one `salt` and origin have the same leaves under different keys. */
export function growingLog(origin = "log.test", salt = "leaf"): GrowingLog {
  const signer = createTestTlogSigner(origin);
  const files = createMemoryTlogFiles();
  const appender = createAppender(emptyLog, { files, mark: createMemoryMark(), signer, crashPoint: noCrashPoint });
  const key = keyOfLog(signer);
  const tlog = { origin, vkey: formatVkey(key), firstStatement: 1, minimumIndex: 0, openedAt: 0 };
  return {
    key,
    tlog,
    files,
    append: (bodies) => appender.append(bodies),
    async grow(count) {
      const from = appender.size();
      const bodies = Array.from({ length: count }, (_, at) => Buffer.from(`${salt} ${from + at}`));
      return (await appender.append(bodies)).head;
    },
    show: (head, anchoredSize = 0) => headToAnchor(tlog, head, anchoredSize, files),
  };
}
