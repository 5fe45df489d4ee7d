import { batchOf, type Connection } from "../connection.ts";
import type { Figure } from "../figure.ts";
import { packWorkflow, lay } from "../packages.ts";
import { calm } from "../processes.ts";
import { endedRuns, seedRuns } from "../seed.ts";
import { reopened } from "../stage.ts";
import { monotonicMs, percentile } from "../statistics.ts";
import { join } from "node:path";

const TOTAL = 1_000_000;
const ROUNDS = 20;
/** Pages of one listing, each reached by the cursor of the one before it if there are more. */
const PAGES = 5;
const SHOWN = 300;
const STATES = [null, "succeeded", "failed", "queued", "succeeded,failed"];
const WORKFLOWS = [null, "bench/often", "bench/seldom", "bench/once"];

/** Which run fails is in its params, so that every pair of state and workflow occurs: often, seldom and not at all. */
const source = `import { workflow } from "cascaded";
const only = async ({ params }) => {
  if (params.fails) throw new Error("as it was asked to");
  return { value: 1 };
};
export const often = workflow("often").task("only", only);
export const seldom = workflow("seldom").task("only", only);
export const once = workflow("once").task("only", only);
`;
/** Of two thousand; `once` is not multiplied. */
const MIX = [
  { workflow: "bench/often", runs: 1_700, fails: false },
  { workflow: "bench/often", runs: 100, fails: true },
  { workflow: "bench/seldom", runs: 200, fails: false },
];
const ONCE = { workflow: "bench/once", runs: 10, fails: false };

export const list: Figure = {
  key: "list",
  title: `a page of 50 of ${TOTAL} runs by state and workflow, newest first; the page of one run`,
  repetitionsMax: 1,
  async measure(bench) {
    const data = join(bench.folder, "data");
    lay(join(data, "packages"), packWorkflow(bench.root, bench.folder, "bench", source));
    await reopened(bench, data, async ({ connection, daemon }) => {
      for (const { workflow, runs, fails } of [...MIX, ONCE]) {
        await connection.post("/runs:batch", batchOf(workflow, runs, { fails }));
      }
      await daemon.idle();
    });
    const once = new Set(endedRuns(data, ONCE.workflow));
    const templates = endedRuns(data).filter((id) => !once.has(id));
    await seedRuns(data, templates, TOTAL);
    return reopened(bench, data, async ({ connection, daemon }) => {
      await calm(daemon.pid);
      const pages = new Map<string, number[]>();
      for (let round = 0; round < ROUNDS; round++) {
        for (const filter of filters()) {
          pages.set(filter, [...(pages.get(filter) ?? []), ...(await listing(connection, filter))]);
        }
      }
      const [worst] = [...pages]
        .map(([filter, samples]) => ({ filter, ms: percentile(samples, 95) }))
        .sort((a, b) => b.ms - a.ms);
      process.stderr.write(`  slowest: ${worst!.filter}\n`);
      const shown: number[] = [];
      const all = endedRuns(data);
      for (let index = 0; index < SHOWN; index++) {
        const id = all[Math.floor(Math.random() * all.length)]!;
        shown.push((await timed(() => connection.get(`/runs/${id}`))).ms);
      }
      return {
        list: percentile([...pages.values()].flat(), 95),
        list_worst: worst!.ms,
        list_show: percentile(shown, 95),
      };
    });
  },
};

function filters(): string[] {
  return STATES.flatMap((state) =>
    WORKFLOWS.map((workflow) =>
      [...(state ? [`state=${state}`] : []), ...(workflow ? [`workflow=${workflow}`] : []), "limit=50"].join("&"),
    ),
  );
}

async function listing(connection: Connection, filter: string): Promise<number[]> {
  const samples: number[] = [];
  let cursor: string | null = null;
  for (let page = 0; page < PAGES; page++) {
    const path: string = `/runs?${filter}${cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`}`;
    const { ms, answer } = await timed(() => connection.get(path));
    samples.push(ms);
    // A short listing begins again: each counts for the same number of pages, or the rare ones would not be seen.
    cursor = (JSON.parse(answer) as { nextCursor: string | null }).nextCursor;
  }
  return samples;
}

async function timed(ask: () => Promise<string>): Promise<{ ms: number; answer: string }> {
  const began = monotonicMs();
  const answer = await ask();
  return { ms: monotonicMs() - began, answer };
}
