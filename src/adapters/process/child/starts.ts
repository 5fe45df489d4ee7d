import childProcess from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { syncBuiltinESMExports } from "node:module";
import workerThreads, { type Worker } from "node:worker_threads";

const WAITING = ["spawnSync", "execFileSync", "execSync"] as const;

/**
 * Calls back with every thread that this one starts: the event `worker` comes after an attempt can have ended. Before anything
 * of a package is imported.
 */
export function watchThreads(onThread: (thread: Worker) => void): void {
  const RealWorker = workerThreads.Worker;
  const Watched: typeof RealWorker = new Proxy(RealWorker, {
    construct(target, args, newTarget) {
      const made = Reflect.construct(target, args, newTarget === Watched ? target : newTarget) as Worker;
      onThread(made);
      return made;
    },
  });
  workerThreads.Worker = Watched;
  syncBuiltinESMExports();
}

/** Calls back whenever this thread starts a program. Before anything of a package is imported. */
export function watchPrograms(onStart: () => void): void {
  subscribe("child_process", onStart);
  // These tell no channel.
  for (const name of WAITING) {
    const real = childProcess[name] as (...args: unknown[]) => unknown;
    const watched = (...args: unknown[]) => {
      onStart();
      return real(...args);
    };
    Object.defineProperty(watched, "name", { value: name });
    Object.assign(childProcess, { [name]: watched });
  }
  syncBuiltinESMExports();
}
