import BetterSqlite3 from "better-sqlite3";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { monotonicMs } from "./statistics.ts";

/** As many as pay off on the smallest machine: two work while two are being spoken to. */
const CHILDREN = 4;

/**
 * What this machine gives to a program that keeps two promises of the daemon and has no other duty: an attempt is durable
 * before its process hears of it, a result is durable together with the next attempt. One SQLite table with
 * `synchronous=FULL`, one transaction per turn of the event loop, child processes on pipes with a line of JSON each way.
 */
export interface Ceiling {
  /** Milliseconds for runs of a chain of tasks, so many runs at once. */
  chain(runs: number, tasks: number, atOnce: number): Promise<number>;
  /** Milliseconds from the request for one run of one task to the moment the task's code begins. */
  startLatency(): Promise<number>;
  close(): Promise<void>;
}

interface Result {
  key: number;
  began: number;
  output: { value: number };
}

interface Attempt {
  run: number;
  task: number;
  value: number;
  ended(result: Result): void;
}

export async function createCeiling(folder: string): Promise<Ceiling> {
  const db = new BetterSqlite3(join(folder, "ceiling.db"));
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = FULL");
  db.exec(
    "CREATE TABLE tasks (run INTEGER, task INTEGER, state TEXT, output TEXT, PRIMARY KEY (run, task)) WITHOUT ROWID",
  );
  const insert = db.prepare("INSERT INTO tasks VALUES (?, ?, 'blocked', NULL)");
  const begin = db.prepare("UPDATE tasks SET state = 'running' WHERE run = ? AND task = ?");
  const end = db.prepare("UPDATE tasks SET state = 'succeeded', output = ? WHERE run = ? AND task = ?");

  const started: Attempt[] = [];
  const writes: (() => void)[] = [];
  const effects: (() => void)[] = [];
  const open = new Map<number, Attempt>();
  let scheduled = false;
  let nextKey = 0;
  let nextRun = 0;
  const children = Array.from({ length: CHILDREN }, () => startChild(received));

  const writeAll = db.transaction(() => {
    for (const write of writes.splice(0)) write();
    for (const { run, task } of started) begin.run(run, task);
  });

  function turn(): void {
    scheduled = false;
    writeAll();
    const lines = children.map(() => "");
    for (const attempt of started.splice(0)) {
      const key = nextKey++;
      open.set(key, attempt);
      lines[key % CHILDREN] += `${JSON.stringify({ key, value: attempt.value })}\n`;
    }
    lines.forEach((text, index) => text !== "" && children[index]!.stdin!.write(text));
    for (const effect of effects.splice(0)) effect();
  }

  function wake(): void {
    if (scheduled) return;
    scheduled = true;
    setImmediate(turn);
  }

  function received(result: Result): void {
    const attempt = open.get(result.key)!;
    open.delete(result.key);
    writes.push(() => end.run(JSON.stringify(result.output), attempt.run, attempt.task));
    attempt.ended(result);
    wake();
  }

  /** One run; resolves when the end of its last task is durable, to the time its first one began. */
  function runChain(tasks: number): Promise<number> {
    return new Promise((resolve) => {
      const run = nextRun++;
      let firstBegan = 0;
      writes.push(() => {
        for (let task = 0; task < tasks; task++) insert.run(run, task);
      });
      const startTask = (task: number, value: number) =>
        started.push({
          run,
          task,
          value,
          ended({ began, output }) {
            if (task === 0) firstBegan = began;
            if (task + 1 < tasks) startTask(task + 1, output.value);
            else effects.push(() => resolve(firstBegan));
          },
        });
      startTask(0, 0);
      wake();
    });
  }

  return {
    async chain(runs, tasks, atOnce) {
      const began = monotonicMs();
      let left = runs;
      const lane = async () => {
        while (left-- > 0) await runChain(tasks);
      };
      await Promise.all(Array.from({ length: atOnce }, lane));
      return monotonicMs() - began;
    },
    async startLatency() {
      const began = monotonicMs();
      return (await runChain(1)) - began;
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

function startChild(received: (result: Result) => void): ChildProcess {
  const entry = fileURLToPath(new URL("ceiling-child.mjs", import.meta.url));
  const child = spawn(process.execPath, [entry], { stdio: ["pipe", "pipe", "inherit"] });
  createInterface({ input: child.stdout }).on("line", (line) => received(JSON.parse(line) as Result));
  return child;
}
