import { Worker } from "node:worker_threads";

export interface SyncedFile {
  path: string;
  content: string | Uint8Array;
  /** Where it is written first, on the same file system. */
  temp: string;
}

export interface ReplaceOptions {
  /** What was put in its place survives power loss once it resolves. */
  durable: boolean;
  /** That none of them is there yet: no look is taken for equal ones. Default: false. */
  areNew?: boolean;
  /** When every temporary file is written, and none is in its place. */
  beforeRename?: () => void;
}

/** Puts files in their places, a whole batch in two steps, so that all of it is written before any of it can be seen. */
export interface SyncedWriter {
  /**
   * Each file is whole or not there at all, folders included; equal files that are there already are left alone. One call
   * after the other: two that put the same file in its place must not mix their steps.
   */
  replace(files: readonly SyncedFile[], options: ReplaceOptions): Promise<void>;
  /** Syncs files; one that is not there is passed over. */
  sync(paths: readonly string[]): Promise<void>;
}

// Plain JavaScript, because a worker cannot load TypeScript in every place where this module runs.
const THREAD = `
const { parentPort, workerData } = require("node:worker_threads");
const fs = require("node:fs");
const { dirname } = require("node:path");
const isThere = (path, content) => {
  try {
    return fs.readFileSync(path).equals(content);
  } catch {
    return false;
  }
};
const write = (temp, content, sync) => {
  const fd = fs.openSync(temp, "w", 0o600);
  try {
    fs.writeFileSync(fd, content);
    if (sync) fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
};
const sync = (path) => {
  const fd = fs.openSync(path, "r");
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
};
const syncIfThere = (path) => {
  try {
    sync(path);
  } catch (error) {
    if (error.code !== "ENOENT") throw error;
  }
};
const foldersOf = (paths) => new Set(paths.map((path) => dirname(path)));
const makeFolder = (path) => {
  const first = fs.mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) sync(dirname(made));
};
const actions = {
  write({ files, bytes, durable, areNew }) {
    for (const folder of foldersOf(files.flatMap(({ path, temp }) => [path, temp]))) makeFolder(folder);
    const different = [];
    for (const { path, temp, start, end } of files) {
      const content = Buffer.from(bytes, start, end - start);
      if (!areNew && fs.existsSync(path) && isThere(path, content)) continue;
      write(temp, content, durable);
      different.push({ path, temp });
    }
    return different;
  },
  rename({ files, durable }) {
    for (const { path, temp } of files) fs.renameSync(temp, path);
    if (durable) for (const folder of foldersOf(files.map(({ path }) => path))) sync(folder);
    return [];
  },
  sync({ files }) {
    for (const { path } of files) syncIfThere(path);
    return [];
  },
};
let idle = setTimeout(() => process.exit(), workerData.idleMs);
parentPort.on("message", (request) => {
  idle.refresh();
  try {
    parentPort.postMessage({ files: actions[request.action](request) });
  } catch (error) {
    parentPort.postMessage({ error: { message: error.message, code: error.code } });
  }
});
`;

/** The thread costs some megabytes, so it goes when there was nothing to write for a while. */
const IDLE_MS = 5_000;

type WrittenTemp = Pick<SyncedFile, "path" | "temp">;

interface Request {
  action: "write" | "rename" | "sync";
  files: readonly { path: string }[];
  /** What is written, one file after the other; it is handed over, not copied. */
  bytes?: ArrayBuffer;
  durable?: boolean;
  areNew?: boolean;
}

interface Answer {
  files?: readonly WrittenTemp[];
  error?: { message: string; code?: string };
}

/**
 * Writes in a thread of its own. Six calls a file through the event loop would cost the runs of a busy daemon more of its
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

  function ask(makeRequest: () => Request): Promise<readonly WrittenTemp[]> {
    const worker = open();
    // Only an open batch keeps the process.
    worker.ref();
    return new Promise((resolve, reject) => {
      const settle = (action: () => void) => {
        worker.off("message", onMessage).off("error", onError).off("exit", onExit);
        worker.unref();
        action();
      };
      const onMessage = ({ files: done, error }: Answer) =>
        settle(() => {
          if (error) reject(Object.assign(new Error(error.message), { code: error.code }));
          else resolve(done ?? []);
        });
      const onError = (error: Error) => settle(() => reject(error));
      // It went for want of work just when it was asked: another one is asked, with bytes of its own.
      const onExit = () => settle(() => resolve(ask(makeRequest)));
      worker.on("message", onMessage).on("error", onError).on("exit", onExit);
      const request = makeRequest();
      worker.postMessage(request, request.bytes ? [request.bytes] : []);
    });
  }

  function inTurn(makeRequest: () => Request): Promise<readonly WrittenTemp[]> {
    const answer = turn.then(() => ask(makeRequest));
    turn = answer.catch(() => undefined);
    return answer;
  }

  async function put(files: readonly SyncedFile[], options: ReplaceOptions): Promise<void> {
    const { durable, areNew = false, beforeRename } = options;
    const different = await inTurn(() => ({ ...writeRequest(files), durable, areNew }));
    if (different.length === 0) return;
    beforeRename?.();
    await inTurn(() => ({ action: "rename", files: different, durable }));
  }

  let lastPut: Promise<unknown> = Promise.resolve();

  return {
    async replace(files, options) {
      if (files.length === 0) return;
      const result = lastPut.then(() => put(files, options));
      lastPut = result.catch(() => undefined);
      await result;
    },
    async sync(paths) {
      if (paths.length > 0) await inTurn(() => ({ action: "sync", files: paths.map((path) => ({ path })) }));
    },
  };
}

/** One buffer for all: a message of many texts would be taken apart and put together again, text by text. */
function writeRequest(files: readonly SyncedFile[]): Request {
  const size = files.reduce((sum, { content }) => sum + lengthOf(content), 0);
  const bytes = new ArrayBuffer(size);
  const target = Buffer.from(bytes);
  let end = 0;
  const places = files.map(({ path, temp, content }) => {
    const start = end;
    if (typeof content === "string") end += target.write(content, start, "utf8");
    else {
      target.set(content, start);
      end += content.length;
    }
    return { path, temp, start, end };
  });
  return { action: "write", files: places, bytes };
}

function lengthOf(content: string | Uint8Array): number {
  return typeof content === "string" ? Buffer.byteLength(content, "utf8") : content.length;
}
