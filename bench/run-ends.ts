import type { Client } from "../src/client/client.ts";
import type { EventStream, Message } from "./event-stream.ts";

const RUN_CHANGED = "event: run.changed";
const RUN_ID = '"runId":"';
const UUID_LENGTH = 36;
/** The most that a page may hold. */
const PAGE = 1_000;
const PATIENCE_MS = 300_000;

/** The runs that have succeeded since the watching began. Rejects when one ends in another way: it is not what is measured. */
export interface RunEnds {
  /** Resolves when the run has ended; that may be before the answer that names it has come. */
  of(runId: string): Promise<void>;
  /** Resolves when so many more have ended. */
  more(count: number): Promise<void>;
}

export function watchRunEnds(events: EventStream, client: Pick<Client, "runs">): RunEnds {
  const ended = new Set<string>();
  const waiting = new Set<{ isOver: () => boolean; resolve: () => void; reject: (error: Error) => void }>();

  function settle(): void {
    for (const one of waiting) {
      if (!one.isOver()) continue;
      waiting.delete(one);
      one.resolve();
    }
  }

  function fail(error: Error): void {
    for (const { reject } of waiting) reject(error);
    waiting.clear();
  }

  /** What a cut stream may have kept back. */
  async function readAgain(): Promise<void> {
    let cursor: string | null = null;
    do {
      const page = await client.runs({ state: ["succeeded"], limit: PAGE, cursor });
      for (const { id } of page.items) ended.add(id);
      cursor = page.nextCursor;
    } while (cursor !== null);
    settle();
  }

  events.onGap(() => void readAgain().catch(fail));
  events.listen((message) => {
    if (!message.startsWith(RUN_CHANGED)) return;
    if (message.includes('"state":"succeeded"')) {
      ended.add(runIdOf(message));
      settle();
    } else if (message.includes('"state":"failed"') || message.includes('"state":"cancelled"')) {
      fail(new Error(message));
    }
  });

  function until(isOver: () => boolean): Promise<void> {
    if (isOver()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`the end of runs: only ${ended.size} came`)), PATIENCE_MS);
      const over = (act: () => void) => {
        clearTimeout(timer);
        act();
      };
      waiting.add({ isOver, resolve: () => over(resolve), reject: (error) => over(() => reject(error)) });
    });
  }
  return {
    of: (runId) => until(() => ended.has(runId)),
    more(count) {
      const goal = ended.size + count;
      return until(() => ended.size >= goal);
    },
  };
}

function runIdOf(message: Message): string {
  const at = message.indexOf(RUN_ID) + RUN_ID.length;
  return message.slice(at, at + UUID_LENGTH);
}

/** The id in the answer to one `POST /runs`. */
export function startedRun(answer: string): string {
  return answer.slice('{"id":"'.length, '{"id":"'.length + UUID_LENGTH);
}
