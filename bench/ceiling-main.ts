import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createCeiling } from "./ceiling.ts";
import { type Workload, workloads } from "./ceiling-work.ts";

/** `WORKLOAD FOLDER [REPETITIONS]`: prints what each repetition reached as one line of JSON, the first one cold. */
const [workload, folder, repetitions] = process.argv.slice(2) as [Workload, string, string?];
const entry = fileURLToPath(new URL("ceiling-child.mjs", import.meta.url));

for (let index = 0; index < Number(repetitions ?? 2); index++) {
  const own = join(folder, String(index));
  mkdirSync(own, { recursive: true });
  const ceiling = await createCeiling(own, entry);
  process.stdout.write(`${JSON.stringify(await workloads[workload](ceiling))}\n`);
  await ceiling.close();
}
