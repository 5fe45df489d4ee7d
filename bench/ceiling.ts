import BetterSqlite3 from "better-sqlite3";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Done, Work } from "./ceiling-child.ts";
import { readFrames } from "./ceiling-frames.ts";

/** More do not help on two processors: two work while two are being spoken to. */
const CHILDREN = 4;
/** Tasks in flight per child: with fewer the disk and the pipe are the limit, not the program. */
const DEPTH = 16;

/**
 * What this machine gives to a program that keeps two promises of the daemon and has no other duty: that a task runs is
 * durable before its process hears of it, that it is done is durable before anything follows from it. SQLite with
 * `synchronous=FULL`, one transaction per turn of the event loop with all that is pending, four child processes on pipes,
 * one frame per turn each way. No HTTP, checks, retries, logs, events or proofs.
 */
export interface Ceiling {
  /** Writes tasks down; calls back when they are durable. */
  insert(run: string, tasks: readonly string[], durable: () => void): void;
  /** Lets an inserted task run; calls back when its end is durable. */
  ready(run: string, task: string, n: number, ended: (done: Done) => void): void;
  close(): Promise<void>;
}

interface Task extends Omit<Work, "key"> {
  run: string;
  ended(done: Done): void;
}

const schema = `
  CREATE TABLE tasks (
    run_id TEXT NOT NULL, task_id TEXT NOT NULL, state TEXT NOT NULL, attempt INTEGER NOT NULL,
    started_at INTEGER, finished_at INTEGER, output TEXT, PRIMARY KEY (run_id, task_id)
  ) WITHOUT ROWID;
  CREATE INDEX tasks_by_state ON tasks (state, started_at);
  CREATE INDEX tasks_by_end ON tasks (finished_at) WHERE finished_at IS NOT NULL;`;

/** Resolves when its children are there. `entry` is what they run. */
export async function createCeiling(folder: string, entry: string): Promise<Ceiling> {
  const db = new BetterSqlite3(join(folder, "ceiling.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec(schema);
  const insertTask = db.prepare("INSERT INTO tasks VALUES (?, ?, 'queued', 0, NULL, NULL, NULL)");
  const startTask = db.prepare(
    "UPDATE tasks SET state = 'running', attempt = attempt + 1, started_at = ? WHERE run_id = ? AND task_id = ?",
  );
  const endTask = db.prepare(
    "UPDATE tasks SET state = 'done', finished_at = ?, output = ? WHERE run_id = ? AND task_id = ?",
  );
  const begin = db.prepare("BEGIN IMMEDIATE");
  const commit = db.prepare("COMMIT");

  let waiting: Task[] = [];
  let writes: (() => void)[] = [];
  let effects: (() => void)[] = [];
  const open = new Map<number, Task>();
  const room = Array.from({ length: CHILDREN }, () => DEPTH);
  let nextKey = 0;
  let isScheduled = false;

  function received(child: number, frame: readonly Done[]): void {
    for (const done of frame) {
      const task = open.get(done.key)!;
      open.delete(done.key);
      room[child]!++;
      writes.push(() => endTask.run(Date.now(), JSON.stringify(done.output), task.run, task.task));
      effects.push(() => task.ended(done));
    }
    wake();
  }

  /** Fills the children evenly; what finds no room goes on waiting. */
  function pick(): Work[][] {
    const frames: Work[][] = Array.from({ length: CHILDREN }, () => []);
    let taken = 0;
    for (let child = 0, full = 0; taken < waiting.length && full < CHILDREN; child = (child + 1) % CHILDREN) {
      if (room[child] === 0) {
        full++;
        continue;
      }
      full = 0;
      room[child]!--;
      const { run, task, input, ended } = waiting[taken++]!;
      const key = nextKey++;
      open.set(key, { run, task, input, ended });
      writes.push(() => startTask.run(Date.now(), run, task));
      frames[child]!.push({ key, task, input });
    }
    waiting = waiting.slice(taken);
    return frames;
  }

  function turn(): void {
    isScheduled = false;
    const frames = pick();
    const [written, due] = [writes, effects];
    writes = [];
    effects = [];
    if (written.length > 0) {
      begin.run();
      for (const write of written) write();
      commit.run();
    }
    frames.forEach((frame, child) => {
      if (frame.length > 0) children[child]!.stdin!.write(`${JSON.stringify(frame)}\n`);
    });
    for (const effect of due) effect();
  }

  function wake(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(turn);
  }

  const children = await Promise.all(
    Array.from({ length: CHILDREN }, (_, child) => startChild(entry, (frame) => received(child, frame))),
  );

  return {
    insert(run, tasks, durable) {
      for (const task of tasks) writes.push(() => insertTask.run(run, task));
      effects.push(durable);
      wake();
    },
    ready(run, task, n, ended) {
      waiting.push({ run, task, input: { n }, ended });
      wake();
    },
    async close() {
      await Promise.all(
        children.map((child) => {
          const exited = once(child, "exit");
          child.stdin!.end();
          return exited;
        }),
      );
      db.close();
    },
  };
}

/** Resolves when it has sent its first frame, which is empty. */
function startChild(entry: string, received: (frame: Done[]) => void): Promise<ChildProcess> {
  const child = spawn(process.execPath, [entry], { stdio: ["pipe", "pipe", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    readFrames<Done[]>(child.stdout, (frame) => {
      if (frame.length > 0) received(frame);
      else resolve(child);
    });
  });
}
