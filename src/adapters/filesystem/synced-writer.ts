import { Worker } from "node:worker_threads";

export interface SyncedFile {
  path: string;
  content: string | Uint8Array;
  /** Where it is written first, on the same file system. */
  temp: string;
}

export type WrittenTemp = Pick<SyncedFile, "path" | "temp">;

/** Writes files that are durable when the promise resolves. An equal file that is there already is left alone. */
export interface SyncedWriter {
  /** Writes the temporary file of each file that differs from what is there, and resolves to those. */
  writeTemps(files: readonly SyncedFile[]): Promise<readonly WrittenTemp[]>;
}

// Plain JavaScript, because a worker cannot load TypeScript in every place where this module runs.
const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const fs = require("node:fs");
const isThere = ({ path, content }) => {
  try {
    return fs.readFileSync(path).equals(Buffer.from(content));
  } catch {
    return false;
  }
};
const write = ({ temp, content }) => {
  const fd = fs.openSync(temp, "w", 0o600);
  try {
    fs.writeFileSync(fd, content);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
};
let idle = setTimeout(() => process.exit(), workerData.idleMs);
parentPort.on("message", (files) => {
  idle.refresh();
  try {
    const different = files.filter((file) => !fs.existsSync(file.path) || !isThere(file));
    different.forEach(write);
    parentPort.postMessage({ files: different.map(({ path, temp }) => ({ path, temp })) });
  } catch (error) {
    parentPort.postMessage({ error: { message: error.message, code: error.code } });
  }
});
`;

/** The thread costs some megabytes, so it goes when there was nothing to write for a while. */
const IDLE_MS = 5_000;

interface Answer {
  files?: readonly WrittenTemp[];
  error?: { message: string; code?: string };
}

/**
 * Writes in a thread of its own. Five calls a file through the event loop would cost the runs of a busy daemon more of its
 * one thread than everything else that ends them, and the syncs of files in a row wait for the disk in that thread alone.
 */
export function createSyncedWriter(): SyncedWriter {
  let thread: Worker | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  function open(): Worker {
    if (thread) return thread;
    const opened = new Worker(THREAD, {
      eval: true,
      workerData: { idleMs: IDLE_MS },
      resourceLimits: { maxOldGenerationSizeMb: 64 },
    });
    opened.once("exit", () => {
      if (thread === opened) thread = undefined;
    });
    return (thread = opened);
  }

  function ask(files: readonly SyncedFile[]): Promise<readonly WrittenTemp[]> {
    const worker = open();
    // Only an open batch keeps the process.
    worker.ref();
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        worker.off("message", onMessage).off("error", onError).off("exit", onExit);
        worker.unref();
        action();
      };
      const onMessage = ({ files: written, error }: Answer) =>
        settle(() => {
          if (error) reject(Object.assign(new Error(error.message), { code: error.code }));
          else resolve(written ?? []);
        });
      const onError = (error: Error) => settle(() => reject(error));
      // It went for want of work just when it was asked: another one is asked.
      const onExit = () => settle(() => resolve(ask(files)));
      worker.on("message", onMessage).on("error", onError).on("exit", onExit);
      worker.postMessage(files);
    });
  }

  return {
    writeTemps(files) {
      if (files.length === 0) return Promise.resolve([]);
      const answer = turn.then(() => ask(files));
      turn = answer.catch(() => undefined);
      return answer;
    },
  };
}
