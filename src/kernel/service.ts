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
 * `stop` during `start` waits for it, and a failed start leaves the service stopped.
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

/** Starts in order, stops in reverse order. A failed start stops those already started and rethrows. */
export function serviceGroup(services: readonly Service[]): Service {
  const started: Service[] = [];
  const stopAll = async () => {
    const failures: unknown[] = [];
    for (const service of started.toReversed()) {
      await service.stop().catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, "a service failed to stop");
  };
  return createService(async () => {
    for (const service of services) {
      started.push(service);
      try {
        await service.start();
      } catch (error) {
        await stopAll().catch(() => undefined);
        throw error;
      }
    }
  }, stopAll);
}
