/**
 * Everything that lives long starts and stops the same way.
 * `start` resolves when the service works; `stop` resolves when nothing of it runs any more.
 */
export interface Service {
  start(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Gives two functions the contract: a second `start` or `stop` joins the first, `stop` before `start` is harmless,
 * `stop` during `start` waits for it, and stopping after a failed start ends what that had begun.
 */
export function createService(start: () => Promise<void> | void, stop: () => Promise<void> | void): Service {
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  return {
    start() {
      if (stopping) return Promise.reject(new Error("a stopped service does not start again"));
      starting ??= Promise.resolve().then(start);
      return starting;
    },
    stop() {
      stopping ??= (async () => {
        if (!starting) return;
        await starting.catch(() => undefined);
        await stop();
      })();
      return stopping;
    },
  };
}
