import { createInProcessHost } from "../support/in-process-host.ts";
import { realClock } from "../support/real-clock.ts";
import { taskHostContract } from "./task-host.contract.ts";

taskHostContract("the in-process host of the tests", () => {
  const host = createInProcessHost({
    clock: realClock,
    concurrency: 2,
    graceMs: 300,
    tasks: {
      ok: () => ({ fine: true }),
      throws: () => {
        throw new TypeError("no such thing");
      },
      neverEnds: () => new Promise(() => undefined),
      heedsAbort: ({ signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason as Error))),
      waits: ({ params }) => new Promise((resolve) => setTimeout(resolve, (params as { ms: number }).ms)),
    },
  });
  return { host, close: () => host.stop(0) };
});
