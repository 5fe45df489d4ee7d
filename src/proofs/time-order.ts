import type { ProofBundle } from "../domain/bundle.ts";
import type { RunStatement } from "../domain/statement.ts";
import { isoTime } from "../kernel/clock.ts";
import { CLOCK_SKEW_MS } from "./clock-skew.ts";
import type { FolderFinding } from "./finding.ts";

interface PlaceInTime {
  name: string;
  index: number;
  finishedAt: number;
}

/** Holds the times of ends against their places in a log: leaves are in the order in which runs ended. */
export interface TimeOrder {
  add(name: string, statement: RunStatement, bundle: ProofBundle): void;
  /** Where time goes back: the clock was set back, or a run dated back. Each step once; from there on time counts anew. */
  findings(): FolderFinding[];
}

export function createTimeOrder(): TimeOrder {
  const byLog = new Map<string, PlaceInTime[]>();
  return {
    add(name, statement, { entry }) {
      if (!entry) return;
      const finishedAt = Date.parse(statement.predicate.runDetails.metadata.finishedOn);
      const places = byLog.get(entry.logId) ?? [];
      places.push({ name, index: entry.index, finishedAt });
      byLog.set(entry.logId, places);
    },
    findings: () => [...byLog.values()].flatMap(stepsBack),
  };
}

function stepsBack(places: readonly PlaceInTime[]): FolderFinding[] {
  const [first, ...others] = places.toSorted((one, other) => one.index - other.index);
  let latest = first!;
  return others.flatMap((place): FolderFinding[] => {
    const before = latest;
    const isBack = place.finishedAt < before.finishedAt - CLOCK_SKEW_MS;
    if (isBack || place.finishedAt > before.finishedAt) latest = place;
    if (!isBack) return [];
    const when = `${isoTime(place.finishedAt)}, but it was logged after ${before.name}, of ${isoTime(before.finishedAt)}`;
    const message = `${place.name} says that its run finished at ${when}: the clock was set back, or the run dated back`;
    return [{ check: "time", status: "unknown", message }];
  });
}
