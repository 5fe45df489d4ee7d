import type { Tlog } from "../domain/tlog.ts";
import type { StrayLeaf } from "../proofs/tlog/leaf-spans.ts";
import type { DriftReport } from "./drift-report.ts";

/** What does not belong together in a log, with leaves in a row that lack their statements as one. */
export interface UnloggedGathering {
  leaf(stray: StrayLeaf, tlog: Pick<Tlog, "origin">): void;
  /** A proof file that shows no leaf. */
  file(name: string, problem: string): void;
  /** Without the leaves that are pruned by now. */
  report(tlogs: readonly Tlog[], report: DriftReport): void;
}

/** Of a log that was exchanged as a whole, the first ones tell as much as all. */
const MOST_NAMED = 10;

interface Row {
  origin: string;
  first: number;
  last: number;
  /** Null for leaves without a statement. */
  file: string | null;
  message: string;
}

export function gatherUnlogged(): UnloggedGathering {
  const rows: Row[] = [];
  const files: { subject: string; message: string }[] = [];
  let [moreLeaves, moreFiles] = [0, 0];
  return {
    leaf(stray, { origin }) {
      const { index } = stray;
      const row = { origin, first: index, last: index, file: stray.statement?.file ?? null, message: messageOf(stray) };
      const before = rows.at(-1);
      if (before && follows(row, before)) before.last = index;
      else if (rows.length < MOST_NAMED) rows.push(row);
      else moreLeaves++;
    },
    file(name, problem) {
      if (files.length < MOST_NAMED) files.push({ subject: `proofs/${name}`, message: problem });
      else moreFiles++;
    },
    report(tlogs, report) {
      const minimum = new Map(tlogs.map(({ origin, minimumIndex }) => [origin, minimumIndex]));
      for (const { origin, first, last, file, message } of rows) {
        if (last < (minimum.get(origin) ?? 0)) continue;
        const subject = file === null ? `${origin}/${first === last ? first : `${first}-${last}`}` : `proofs/${file}`;
        report.find("unlogged", subject, message);
      }
      for (const { subject, message } of files) report.find("unlogged", subject, message);
      for (const [count, what] of [
        [moreLeaves, "leaves"],
        [moreFiles, "files"],
      ] as const) {
        if (count > 0) report.find("unlogged", `${count} more ${what}`, "run `cascade tlog fsck` for more of them");
      }
    },
  };
}

function follows(row: Row, before: Row): boolean {
  const isBare = row.file === null && before.file === null && row.message === before.message;
  return isBare && row.origin === before.origin && row.first === before.last + 1;
}

function messageOf({ index, statement, isThere, problem }: StrayLeaf): string {
  if (!statement) return isThere ? "no statement in the database belongs to it" : "neither leaf nor statement is there";
  return isThere ? `it is not leaf ${index}: ${problem}` : `it has no leaf: leaf ${index} is not there`;
}
