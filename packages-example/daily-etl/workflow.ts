import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cron, workflow } from "cascaded";
import * as z from "zod";
import { ordersOf } from "./lib/orders.ts";
import { parseRates } from "./lib/rates.ts";

export default workflow("daily-etl", {
  description: "Sums a day's orders in one currency",
  params: z.object({ date: z.iso.date().optional() }),
  on: [cron("0 2 * * *", { timezone: "Europe/Berlin", catchUp: "latest" })],
  timeout: "1h",
})
  .task("extract-orders", { retry: { attempts: 3 } }, ({ params, plannedAt }) =>
    ordersOf(params.date ?? plannedAt.slice(0, 10)),
  )
  .task("extract-rates", async ({ assets, signal }) =>
    parseRates(await readFile(join(assets, "rates.csv"), { encoding: "utf8", signal })),
  )
  .task("transform", { after: ["extract-orders", "extract-rates"] }, ({ upstream, log }) => {
    const rates = upstream["extract-rates"];
    const rows = upstream["extract-orders"].map(({ id, currency, amount }) => {
      const rate = rates[currency];
      if (rate === undefined) throw new Error(`order ${id} has no rate for ${currency}`);
      return { id, euro: Math.round(amount * rate * 100) / 100 };
    });
    log.info("transformed", { rows: rows.length });
    return rows;
  })
  .task("load", { after: ["transform"], timeout: "5m", concurrency: 1 }, async ({ upstream, workDir }) => {
    const file = join(workDir, "orders.json");
    await writeFile(file, JSON.stringify(upstream.transform));
    const total = upstream.transform.reduce((sum, { euro }) => sum + euro, 0);
    return { rows: upstream.transform.length, total: Math.round(total * 100) / 100 };
  })
  .task("notify", { after: ["load"] }, ({ upstream, log, idempotencyKey }) => {
    // A service that takes the key sends one message, however often this is attempted.
    log.info(`${upstream.load.rows} orders, ${upstream.load.total} EUR`, { idempotencyKey });
  });
