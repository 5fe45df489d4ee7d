import { type Compared, type Difference, nameOf } from "../domain/drift-side.ts";
import { driftBetween, type DriftKind, driftKinds, driftResult } from "../domain/drift.ts";
import type { DriftFindingView, DriftView } from "./views.ts";

/** Gathers what several comparisons find. */
export interface DriftReport {
  /** Holds one against the other; the labels tell people what was compared. */
  compare(before: Labelled, after: Labelled): void;
  /** What a check of one thing has found. */
  add(kind: DriftKind, differences: Iterable<Difference>): void;
  find(kind: DriftKind, subject: string, message: string): void;
  cannotTell(kind: DriftKind, subject: string, message: string): void;
  /** In the order of the kinds, and within one kind in the order in which they were found. */
  view(): DriftView;
}

export interface Labelled {
  label: string;
  compared: Compared;
}

export function createDriftReport(): DriftReport {
  const findings: DriftFindingView[] = [];
  const unknown: DriftFindingView[] = [];
  return {
    compare(before, after) {
      const between = { before: before.label, after: after.label };
      const drift = driftBetween(before.compared, after.compared);
      findings.push(...drift.findings.map((finding) => ({ ...finding, between })));
      unknown.push(...drift.unknown.map((finding) => ({ ...finding, between })));
    },
    add(kind, differences) {
      for (const { isUnknown = false, ...difference } of differences) {
        (isUnknown ? unknown : findings).push({ kind, ...difference, between: null });
      }
    },
    find: (kind, subject, message) => void findings.push({ kind, subject, message, between: null }),
    cannotTell: (kind, subject, message) => void unknown.push({ kind, subject, message, between: null }),
    view: () => ({
      result: driftResult({ findings, unknown }),
      findings: findings.toSorted(byKind),
      unknown: unknown.toSorted(byKind),
    }),
  };
}

function byKind(a: DriftFindingView, b: DriftFindingView): number {
  return driftKinds.indexOf(a.kind) - driftKinds.indexOf(b.kind);
}

export function labelled(what: string, compared: Compared): Labelled {
  return { label: `${what} ${nameOf(compared.package)}`, compared };
}
