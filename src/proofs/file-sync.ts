import type { Clock } from "../kernel/clock.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ProofSink } from "../ports/proof-sink.ts";
import type { TlogStore } from "../ports/store.ts";

/**
 * After so long the system has written a file back by itself (Linux: 30 s and up to 5 s more), and a sync only asks whether it
 * has: some ten microseconds instead of a wait for the disk.
 */
const LAID_DOWN_MS = 60_000;
const BATCH = 256;

export interface FileSyncOptions {
  store: Pick<TlogStore, "statementFiles" | "writtenFiles">;
  sink: Pick<ProofSink, "sync">;
  writer: ChangeWriter;
  clock: Clock;
  onFailure(error: unknown): void;
}

/** Makes files durable some time after they were written. Until then power loss may take them, and the next start makes them again. */
export interface FileSync {
  /** All files through this statement are in their places. */
  written(through: number): void;
  /** What the former life left unsynced was looked at; before that, nothing is called durable. */
  begin(through: number): void;
  /** No sync begins any more; resolves when none is going on. */
  stop(): Promise<void>;
  /** Resolves when no sync is going on. */
  idle(): Promise<void>;
}

export function createFileSync({ store, sink, writer, clock, onFailure }: FileSyncOptions): FileSync {
  const waiting: { through: number; at: number }[] = [];
  let callOff: (() => void) | undefined;
  let syncing: Promise<void> | undefined;
  let begun = false;
  let stopped = false;

  function schedule(): void {
    const [next] = waiting;
    if (!next || !begun || callOff || syncing || stopped) return;
    callOff = clock.after(Math.max(0, next.at + LAID_DOWN_MS - clock.elapsed()), () => {
      callOff = undefined;
      syncing = syncDue()
        .catch(onFailure)
        .finally(() => {
          syncing = undefined;
          schedule();
        });
    });
  }

  async function syncDue(): Promise<void> {
    const isDue = ({ at }: { at: number }) => at + LAID_DOWN_MS <= clock.elapsed();
    let through = 0;
    while (waiting[0] && isDue(waiting[0])) through = Math.max(through, waiting.shift()!.through);
    const { synced } = await store.writtenFiles();
    for (let before = through + 1; before > synced + 1 && !stopped;) {
      const files = (await store.statementFiles(before, BATCH)).filter(({ id }) => id > synced);
      if (files.length === 0) break;
      await sink.sync(files.map(({ file }) => file));
      before = files.at(-1)!.id;
    }
    if (stopped) return;
    const verdict = await writer.submit({ type: "files_synced", through });
    if (!verdict.ok) throw new CascadeError("STORE_FAILED", `synced proofs were not recorded: ${verdict.message}`);
  }

  return {
    written(through) {
      waiting.push({ through, at: clock.elapsed() });
      schedule();
    },
    begin(through) {
      begun = true;
      waiting.unshift({ through, at: clock.elapsed() });
      schedule();
    },
    async stop() {
      stopped = true;
      callOff?.();
      await syncing;
    },
    async idle() {
      await syncing;
    },
  };
}
