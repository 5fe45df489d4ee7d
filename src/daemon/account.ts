import type { Queries } from "../app/application.ts";

const FIRINGS_SHOWN = 3;

/** What someone who starts the daemon in a terminal wants to know: what it watches, what it has loaded, what fires next. */
export async function accountOf(
  queries: Pick<Queries, "status" | "workflows" | "schedules">,
  now: number,
): Promise<string> {
  const [status, workflows, schedules] = [await queries.status(), await queries.workflows(), await queries.schedules()];
  const next = schedules
    .flatMap(({ workflow, nextAt }) => (nextAt === null ? [] : [{ workflow, at: Date.parse(nextAt) }]))
    .sort((a, b) => a.at - b.at)
    .slice(0, FIRINGS_SHOWN);
  const lines = [
    `cascade ${status.version} is running`,
    ...status.watch.map(
      ({ dir, ok, error }) => `  watches   ${dir}${ok ? "" : ` (${error?.message ?? "cannot be read"})`}`,
    ),
    `  loaded    ${workflows.length === 0 ? "nothing yet: drop a .cascade file into the folder" : workflows.map(({ id }) => id).join(", ")}`,
    ...next.map(
      ({ workflow, at }, index) =>
        `  ${index === 0 ? "next     " : "         "} ${workflow} at ${localTime(at)}, in ${wait(at - now)}`,
    ),
    `  data      ${status.dataDir}`,
    `  try       cascade status --data ${status.dataDir}`,
    "  Ctrl-C stops it: running tasks may finish, a second one ends them",
  ];
  return `${lines.join("\n")}\n`;
}

/** `2026-11-25 09:30:00`. Not by Intl, whose first use costs 12 ms and 7 MB. */
function localTime(at: number): string {
  const date = new Date(at);
  const two = (part: number) => String(part).padStart(2, "0");
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join("-");
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(":")}`;
}

function wait(ms: number): string {
  const seconds = Math.max(Math.round(ms / 1_000), 0);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
