import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { machine } from "./machine.ts";
import type { Row } from "./report.ts";

/** A file of results/: the rows by key, and what they were taken on. */
export interface Results {
  rows: Readonly<Record<string, Row>>;
  machine: ReturnType<typeof machine>;
}

/** What other engines reach with the same work. */
export interface Peer {
  name: string;
  isolation: "process" | "thread" | "none";
  durable: boolean;
  w1_fanout: number | null;
  w2_latency: number | null;
  w3_chain: number | null;
}

export interface Peers {
  /** Where and when these were measured, beside the newest results: "on the same machine, …". */
  taken: string;
  peers: readonly Peer[];
}

/** Of the measurements in which most figures were taken, the last one. A figure that is newer than all of them is in none. */
export function newestResults(root: string): Results {
  const folder = join(root, "bench/results");
  const files = readdirSync(folder).filter((name) => name.endsWith(".json") && name !== "peers.json");
  const all = files.map((name): Results => {
    const { machine, ...rows } = readJson<Results["rows"] & Pick<Results, "machine">>(join(folder, name));
    return { rows, machine };
  });
  const most = Math.max(...all.map(({ rows }) => Object.keys(rows).length));
  const whole = all.filter(({ rows }) => Object.keys(rows).length === most);
  const [newest] = whole.sort((a, b) => (a.machine.at < b.machine.at ? 1 : -1));
  if (!newest) throw new Error(`there are no results in ${folder}`);
  return newest;
}

export function readPeers(root: string): Peers {
  return readJson<Peers>(join(root, "bench/results/peers.json"));
}

function readJson<Value>(path: string): Value {
  return JSON.parse(readFileSync(path, "utf8")) as Value;
}
