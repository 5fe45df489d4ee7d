import { readdirSync, readFileSync, statSync } from "node:fs";
import { SourceMap, type SourceMapPayload } from "node:module";
import { join } from "node:path";
import { parseArgs } from "node:util";

/** The parts of a `.cpuprofile` that count here. Times in microseconds. */
interface Profile {
  nodes: readonly {
    id: number;
    callFrame: { functionName: string; url: string; lineNumber: number; columnNumber: number };
    children?: readonly number[];
  }[];
  samples: readonly number[];
  timeDeltas: readonly number[];
}

const usage = `npm run bench:profile -- FOLDER [--from 0.4] [--to 0.95]
  FOLDER has profiles of the daemon, made with --node=--cpu-prof --node=--cpu-prof-dir=FOLDER
  only what happened between these shares of its life counts: the start and the warm-up come before, the end after
`;

/**
 * Where the time of the daemon's main thread went, by room of the source and, within it, by what was called there: the time
 * of Node's own functions, of SQLite and of system calls counts for the line of ours that called them.
 */
export function main(args: readonly string[], root: string): number {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { from: { type: "string", default: "0.4" }, to: { type: "string", default: "0.95" } },
  });
  const [folder] = positionals;
  if (folder === undefined) {
    process.stderr.write(usage);
    return 64;
  }
  const profile = JSON.parse(readFileSync(largestProfile(folder), "utf8")) as Profile;
  const places = placesOf(profile, join(root, "dist/cli/program.cjs.map"));
  const { total, byPlace } = timesOf(profile, places, Number(values.from), Number(values.to));
  process.stdout.write("  share  place\n");
  for (const [place, time] of [...byPlace].sort((a, b) => b[1] - a[1])) {
    if (time / total >= 0.005) process.stdout.write(`${((100 * time) / total).toFixed(1).padStart(6)}%  ${place}\n`);
  }
  return 0;
}

/** The daemon's: other processes of the measurement write theirs beside it. */
function largestProfile(folder: string): string {
  const files = readdirSync(folder).filter((name) => name.endsWith(".cpuprofile"));
  const paths = files.map((name) => join(folder, name)).sort((a, b) => statSync(b).size - statSync(a).size);
  if (paths[0] === undefined) throw new Error(`there is no profile in ${folder}`);
  return paths[0];
}

/** For each node the file of ours that it belongs to, its own or its nearest caller's; else what V8 calls it. */
function placesOf({ nodes }: Profile, mapFile: string): Map<number, string> {
  const map = new SourceMap(JSON.parse(readFileSync(mapFile, "utf8")) as SourceMapPayload);
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const places = new Map<number, string>();
  const visit = (id: number, callers: string) => {
    const { callFrame, children = [] } = byId.get(id)!;
    const { functionName, url, lineNumber, columnNumber } = callFrame;
    const entry: { originalSource?: string } = url.endsWith("program.cjs")
      ? map.findEntry(lineNumber, columnNumber)
      : {};
    const source = /\/src\/(.*)\.ts$/.exec(entry.originalSource ?? "")?.[1];
    const place = source ?? (callers === "" && functionName.startsWith("(") ? functionName : callers);
    places.set(id, place === "" ? "(node)" : place);
    for (const child of children) visit(child, source ?? callers);
  };
  visit(nodes[0]!.id, "");
  return places;
}

function timesOf({ samples, timeDeltas }: Profile, places: ReadonlyMap<number, string>, from: number, to: number) {
  const whole = timeDeltas.reduce((sum, delta) => sum + delta, 0);
  const byPlace = new Map<string, number>();
  let total = 0;
  let at = 0;
  for (const [index, id] of samples.entries()) {
    const delta = timeDeltas[index]!;
    at += delta;
    if (at < from * whole || at > to * whole) continue;
    const place = places.get(id)!;
    byPlace.set(place, (byPlace.get(place) ?? 0) + delta);
    total += delta;
  }
  return { total, byPlace };
}
