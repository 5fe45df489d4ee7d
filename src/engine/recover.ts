import type { Run, RunId } from "../domain/run.ts";
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
  const interrupted = new Set<RunId>();
  for (const run of await store.unfinishedRuns()) {
    book.add(run);
    for (const task of run.tasks.values()) {
      if (task.state !== "running") continue;
      interrupted.add(run.id);
      book.post(run.id, { type: "interrupt", task: task.name, fence: task.fence, unclean });
    }
  }
  await idle();
  // What was cut off goes first.
  const runs = [...book.all()];
  for (const run of runs) if (interrupted.has(run.id)) track(run);
  for (const run of runs) if (!interrupted.has(run.id)) track(run);
  if (interrupted.size > 0) {
    logger.warn({ event: "attempts.interrupted", runs: interrupted.size }, "attempts of the former life run again");
  }
}
