import { workflow } from "cascaded";
import * as z from "zod";

export default workflow("flaky-retry", {
  description: "Fails first and succeeds after retries",
  params: z.object({ failures: z.int().min(0).max(10).default(2) }),
})
  .task(
    "call",
    { retry: { attempts: 4, backoff: "exponential", delay: "200ms", maxDelay: "2s" } },
    ({ attempt, params, log }) => {
      if (attempt <= params.failures) throw new Error(`the service is down (attempt ${attempt})`);
      log.info("the service is back", { attempt });
      return { attempt };
    },
  )
  .task("report", { after: ["call"] }, ({ upstream }) => `it took ${upstream.call.attempt} attempts`);
