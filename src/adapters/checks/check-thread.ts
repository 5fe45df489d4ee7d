import { Worker } from "node:worker_threads";
import type { Clock } from "../../kernel/clock.ts";
import type { CheckAnswer, CheckRequest, ThreadMessage } from "./protocol.ts";

/** A thread that is not asked anything for so long ends: at rest it would cost ten megabytes. */
const IDLE_MS = 30_000;
/** Starting takes 40 ms on a quiet machine. */
const START_LIMIT_MS = 10_000;
/** Megabytes. What a stranger wrote may fill this much, and then the thread ends and not the daemon. */
const memory = { maxOldGenerationSizeMb: 40, maxYoungGenerationSizeMb: 4, stackSizeMb: 2 };

/** Why there is no answer: it took too long, or more memory than there is for it. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
}

/** One thread, started when it is first asked, and again after it had to be ended. */
export interface CheckThread {
  /** Rejects with `Unanswered`. One request is answered after the other, urgent ones first; `limitMs` counts from its turn. */
  ask(request: CheckRequest, options: { limitMs: number; urgent: boolean }): Promise<CheckAnswer>;
  close(): void;
}

interface Asked {
  request: CheckRequest;
  limitMs: number;
  urgent: boolean;
  resolve(answer: CheckAnswer): void;
  reject(error: Error): void;
}

export function createCheckThread(entry: () => string, clock: Pick<Clock, "after">): CheckThread {
  const waiting: Asked[] = [];
  let worker: Worker | undefined;
  let isReady = false;
  let current: Asked | undefined;
  let cancelTimer = () => {};

  function next(): void {
    if (current) return;
    const urgent = waiting.findIndex((asked) => asked.urgent);
    current = waiting.splice(Math.max(0, urgent), 1)[0];
    if (!current) {
      worker?.unref();
      cancelTimer();
      cancelTimer = worker ? clock.after(IDLE_MS, end) : () => {};
      return;
    }
    worker ??= start();
    worker.ref();
    if (isReady) send(current);
    else limit(START_LIMIT_MS, "its thread did not start");
  }

  function start(): Worker {
    // Nothing of the daemon's surroundings: what runs here was written by strangers.
    const started = new Worker(entry(), {
      resourceLimits: memory,
      execArgv: [],
      argv: [],
      env: {},
      stdout: true,
      stderr: true,
    });
    started.on("message", (message: ThreadMessage) => {
      if (started !== worker) return;
      if (message === "ready") {
        isReady = true;
        if (current) send(current);
      } else settle(({ resolve }) => resolve(message.answer));
    });
    const fail = (why: string) => {
      if (started !== worker) return;
      forget();
      settle(({ reject }) => reject(new Unanswered(why)));
    };
    started.on("error", (error: NodeJS.ErrnoException) =>
      fail(error.code === "ERR_WORKER_OUT_OF_MEMORY" ? "it needs more memory than there is for it" : error.message),
    );
    started.on("exit", () => fail("its thread ended"));
    return started;
  }

  function send({ request, limitMs }: Asked): void {
    worker?.postMessage(request);
    limit(limitMs, `it took longer than ${limitMs} ms`);
  }

  function limit(ms: number, why: string): void {
    cancelTimer();
    cancelTimer = clock.after(ms, () => {
      end();
      settle(({ reject }) => reject(new Unanswered(why)));
    });
  }

  function settle(how: (asked: Asked) => void): void {
    cancelTimer();
    const asked = current;
    current = undefined;
    if (asked) how(asked);
    next();
  }

  function forget(): Worker | undefined {
    const former = worker;
    worker = undefined;
    isReady = false;
    return former;
  }

  /** A thread ends within milliseconds, also out of a loop or a regular expression. */
  function end(): void {
    void forget()?.terminate();
  }

  return {
    ask: (request, { limitMs, urgent }) =>
      new Promise((resolve, reject) => {
        waiting.push({ request, limitMs, urgent, resolve, reject });
        next();
      }),
    close() {
      end();
      cancelTimer();
      for (const { reject } of [...(current ? [current] : []), ...waiting.splice(0)])
        reject(new Unanswered("the daemon ends"));
      current = undefined;
    },
  };
}
