import { cron, workflow } from "cascaded";
import * as z from "zod";

export default workflow("hello", {
  description: "Says hello every ten seconds",
  params: z.object({ name: z.string().min(1).default("world") }),
  // Six fields: the first one is the seconds.
  on: cron("*/10 * * * * *", { catchUp: "skip" }),
}).task("greet", ({ params, plannedAt, log }) => {
  const text = `Hello, ${params.name}!`;
  log.info(text, { plannedAt });
  return { text, plannedAt };
});
