import { join } from "node:path";
import { startDaemon } from "../daemon.ts";
import type { Bench, Figure } from "../figure.ts";
import { median } from "../statistics.ts";

const STARTS = 5;

export const start: Figure = {
  key: "w6_start",
  title: `start of the process to READY, empty data folder, ${STARTS} starts; and the first start of all`,
  async measure(bench) {
    const data = join(bench.folder, "data");
    const first = await readyMs(bench, data);
    return { w6_start: await medianStart(bench, data, STARTS), w6_start_first: first };
  },
};

export async function medianStart(bench: Bench, data: string, starts: number): Promise<number> {
  const samples: number[] = [];
  for (let index = 0; index < starts; index++) samples.push(await readyMs(bench, data));
  return median(samples);
}

async function readyMs(bench: Bench, data: string): Promise<number> {
  const daemon = await startDaemon({ ...bench, data });
  await daemon.stop();
  return daemon.readyMs;
}
