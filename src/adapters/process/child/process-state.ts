/** What a task can change about its process, as it was before. */
export interface ProcessState {
  /** Puts everything back that an attempt changed, which worked in this folder. */
  restore(folder: string): void;
}

type Listener = (...args: unknown[]) => void;

/**
 * Puts an environment in the place of `process.env` that is made when somebody first looks: most attempts never do, and
 * making one costs more than running a short task. Whatever a task sets instead holds until the next call.
 */
export function provideEnvironment(make: () => Record<string, string>): void {
  Object.defineProperty(process, "env", {
    configurable: true,
    enumerable: true,
    get() {
      const made = make();
      replaceEnvironment(made);
      return made;
    },
    set: replaceEnvironment,
  });
}

function replaceEnvironment(value: unknown): void {
  Object.defineProperty(process, "env", { configurable: true, enumerable: true, writable: true, value });
}

/** `environment` and `umask` are what they are between attempts, and so are the listeners at the time of the call. */
export function rememberProcessState(environment: Record<string, string>, umask: number): ProcessState {
  const listeners = new Map<string | symbol, readonly Listener[]>();
  for (const name of process.eventNames()) listeners.set(name, process.rawListeners(name) as Listener[]);

  return {
    restore(folder) {
      replaceEnvironment(environment);
      process.exitCode = undefined;
      process.umask(umask);
      restoreWorkingFolder(folder);
      for (const name of process.eventNames()) {
        const before = listeners.get(name) ?? [];
        for (const listener of process.rawListeners(name) as Listener[]) {
          if (!before.includes(listener)) process.off(name, listener);
        }
      }
      for (const [name, before] of listeners) {
        const now = process.rawListeners(name) as Listener[];
        for (const listener of before) if (!now.includes(listener)) process.on(name, listener);
      }
    },
  };
}

/** The attempt may have removed the folder it was in, or its own: `cwd` throws then, and `chdir` too. */
function restoreWorkingFolder(folder: string): void {
  try {
    if (process.cwd() === folder) return;
  } catch {
    // Somewhere that is gone.
  }
  try {
    process.chdir(folder);
  } catch {
    process.chdir("/");
  }
}
