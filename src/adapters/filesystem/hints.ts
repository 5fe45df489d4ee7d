import { lstat, realpath } from "node:fs/promises";
import { basename, join } from "node:path";
import { type FSWatcher, watch } from "chokidar";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError, errorView, systemErrorCode } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";
import { isPackageName } from "./folder-listing.ts";

/** A watcher that cannot say that it is ready must not hold up the start: scans find everything. */
const READY_MS = 1_000;
/** Events of one change come in bursts, and a file that is being copied is soon whole. */
const GATHER_MS = 10;

export interface Hints {
  /**
   * Watches the folder as it is now, and again when it has become another one; null when it cannot be watched.
   * True when a new watcher is at work: what changed before was not seen.
   */
  follow(folder: string, identity: string | null): Promise<boolean>;
  unfollow(folder: string): Promise<void>;
  close(): Promise<void>;
}

/** Watches folders with chokidar and says soon after a change in which one to look. Events may be lost, and are never relied on. */
export function createHints(clock: Clock, logger: Logger, onHint: (folder: string) => void): Hints {
  const followed = new Map<string, { identity: string; watcher: FSWatcher }>();
  const gathering = new Map<string, () => void>();
  const toldAt = new Map<string, number>();

  function tell(folder: string): void {
    gathering.get(folder)?.();
    gathering.delete(folder);
    toldAt.set(folder, clock.elapsed());
    onHint(folder);
  }

  function hint(folder: string, file: string | undefined): void {
    if (gathering.has(folder)) return;
    const callOff = clock.after(GATHER_MS, () => tell(folder));
    gathering.set(folder, callOff);
    // One that was moved in, or has gone, is as it will be: nothing is to be waited for.
    const quietFor = clock.elapsed() - (toldAt.get(folder) ?? -Infinity);
    if (file === undefined || quietFor < GATHER_MS) return;
    void isStill(join(folder, file)).then((still) => {
      if (still && gathering.get(folder) === callOff) tell(folder);
    });
  }

  async function isStill(path: string): Promise<boolean> {
    try {
      return clock.now() - (await lstat(path)).mtimeMs >= GATHER_MS;
    } catch {
      return true;
    }
  }

  async function unfollow(folder: string): Promise<void> {
    gathering.get(folder)?.();
    gathering.delete(folder);
    toldAt.delete(folder);
    const watcher = followed.get(folder)?.watcher;
    followed.delete(folder);
    await watcher?.close();
  }

  return {
    async follow(folder, identity) {
      if (followed.get(folder)?.identity === identity) return false;
      await unfollow(folder);
      if (identity === null) return false;
      const root = await realpath(folder).catch(() => folder);
      const watcher = watch(root, {
        depth: 0,
        followSymlinks: false,
        ignoreInitial: true,
        // The folder alone: its own events name the files, and each watched file would take one of the host's few watches.
        ignored: (path) => path !== root,
      });
      followed.set(folder, { identity, watcher });
      // Not the events that chokidar derives: it leaves out changes that follow one another closely.
      watcher.on("raw", (_event, name) => {
        if (isPackageName(name)) hint(folder, name);
        else if (name === basename(root)) hint(folder, undefined);
      });
      watcher.on("error", (cause) => {
        const message = `${folder} cannot be watched for changes (${systemErrorCode(cause) ?? String(cause)}); it is scanned instead`;
        const err = errorView(new CascadeError("WATCH_HINTS_LOST", message, { cause }));
        logger.warn({ event: "watch.hints_lost", folder, err }, message);
        void watcher.close();
      });
      await isReady(watcher, clock);
      return true;
    },
    unfollow,
    async close() {
      await Promise.all([...followed.keys()].map(unfollow));
    },
  };
}

/** Ready, failed, or out of patience. */
function isReady(watcher: FSWatcher, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const callOff = clock.after(READY_MS, resolve);
    const done = () => {
      callOff();
      resolve();
    };
    watcher.once("ready", done);
    watcher.once("error", done);
  });
}
