import type { Run } from "../domain/run.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Life, RunStore } from "../ports/store.ts";
import type { RunBook } from "./run-book.ts";

interface Recovery {
  store: RunStore;
  book: RunBook;
  /** Newest first. */
  formerLives: readonly Life[];
  /** Resolves when everything posted is durable. */
  idle(): Promise<void>;
  track(run: Run): void;
  logger: Logger;
}

/**
 * Reads every unfinished run and ends the attempts that the former life left open. Doing it twice changes nothing: an
 * attempt that is ended stays ended.
 */
export async function recover({ store, book, formerLives, idle, track, logger }: Recovery): Promise<void> {
  const unclean = formerLives[0]?.endedAt === null;
  let interrupted = 0;
  for (const id of await store.unfinishedRunIds()) {
    const run = await store.loadRun(id);
    if (!run) continue;
    book.add(run);
    for (const task of run.tasks.values()) {
      if (task.state !== "running") continue;
      interrupted++;
      book.post(id, { type: "interrupt", task: task.name, fence: task.fence, unclean });
    }
  }
  await idle();
  for (const run of book.all()) track(run);
  if (interrupted > 0) {
    logger.warn({ event: "attempts.interrupted", count: interrupted }, "attempts of the former life run again");
  }
}
