import { join } from "node:path";
import { type Daemon, startDaemon } from "../daemon.ts";
import { readRows } from "../database.ts";
import { openEvents } from "../event-stream.ts";
import type { Bench, Figure } from "../figure.ts";
import { lay, packWorkflow, renamed } from "../packages.ts";
import { watchRunEnds } from "../run-ends.ts";
import { percentile } from "../statistics.ts";

const SCHEDULES = 1_000;
const PACKAGES = 100;
/** From the packing of a workflow to the second at which it is due: packing and loading take less. */
const LEAD_MS = 12_000;
const SETTLED_MS = 1_000;

export const cron: Figure = {
  key: "cron",
  title: `${SCHEDULES} schedules of one package due in the same second: creation, first line`,
  async measure(bench) {
    const { created, began } = await lateness(bench, 1);
    return { cron: percentile(created, 99), cron_first_line: percentile(began, 99) };
  },
};

export const cronPackages: Figure = {
  key: "cron_packages",
  title: `the same spread over ${PACKAGES} packages: creation, the last first line`,
  async measure(bench) {
    const { created, began } = await lateness(bench, PACKAGES);
    return { cron_packages: percentile(created, 99), cron_packages_last: Math.max(...began) };
  },
};

/** Milliseconds after the planned second at which each run was created and its task began. */
async function lateness(bench: Bench, packages: number): Promise<{ created: number[]; began: number[] }> {
  const data = join(bench.folder, "data");
  const due = Math.ceil((Date.now() + LEAD_MS) / 1_000) * 1_000;
  const original = packWorkflow(bench.root, bench.folder, "due", sourceAt(new Date(due), SCHEDULES / packages));
  lay(join(data, "packages"), original);
  for (let index = 1; index < packages; index++) lay(join(data, "packages"), await renamed(original, `due-${index}`));
  const daemon = await startDaemon({ ...bench, data });
  try {
    await allFired(daemon, due);
  } finally {
    await daemon.stop();
  }
  const runs = readRows<{ created_at: number; planned_at: number; output: string }>(
    data,
    "SELECT created_at, planned_at, output FROM runs JOIN task_runs ON run_id = id",
  );
  return {
    created: runs.map((run) => run.created_at - run.planned_at),
    began: runs.map((run) => (JSON.parse(run.output) as { at: number }).at - run.planned_at),
  };
}

async function allFired(daemon: Daemon, due: number): Promise<void> {
  const schedules = await daemon.client.schedules();
  const planned = schedules.filter(({ nextAt }) => nextAt !== null && Date.parse(nextAt) === due);
  if (planned.length !== SCHEDULES) throw new Error(`${planned.length} schedules are due: loading took too long`);
  const events = await openEvents(daemon.socket);
  const ended = watchRunEnds(events, daemon.client).more(SCHEDULES);
  if (due - Date.now() < SETTLED_MS) throw new Error("the second came before the daemon had settled");
  await ended;
  events.close();
}

function sourceAt(due: Date, schedules: number): string {
  const [second, minute, hour] = [due.getUTCSeconds(), due.getUTCMinutes(), due.getUTCHours()];
  const expression = `${second} ${minute} ${hour} ${due.getUTCDate()} ${due.getUTCMonth() + 1} *`;
  return `import { cron, workflow } from "cascaded";
const rules = Array.from({ length: ${schedules} }, (_, index) =>
  cron("${expression}", { timezone: "UTC", name: "rule-" + index }));
export default workflow("flow", { on: rules }).task("only", async () => ({ at: Date.now() }));
`;
}
