import { type Compared, type Difference, hasEqualPackage } from "./drift-side.ts";
import { policyChanges, schemaChanges, structureChanges, triggerChanges } from "./drift-definition.ts";
import { assetChanges, environmentChanges, runtimeChanges, sharedChanges, taskCodeChanges } from "./drift-code.ts";

/**
 * structure    workflows, tasks, their order and dependencies.
 * policy       limits, retries, isolation and whatever else decides how a task runs.
 * trigger      a schedule is new, gone or another.
 * task-code    the function or the command of one task.
 * shared       code outside of tasks, by source file.
 * asset        a file beside the code.
 * runtime      what made the code, and what executed it.
 * environment  the variables that tasks are given.
 * schema       what params a workflow takes.
 * package      other bytes under one name and version.
 * signature    what signed a loaded package does not count any more.
 * policy-file  another trust policy than the one that admitted a package, or none.
 * missing      a definition, or a package's file, is gone while runs or a registry refer to it.
 * unlogged     a statement or its file that is no leaf of the transparency log, or a leaf without a statement.
 * store        unpacked code is not what its manifest says, or a snapshot not what its digest says.
 * output       a replay of a run gave other outputs.
 * gap          the chain of a workflow's proofs is broken.
 * fork         a signed head of the transparency log that is not of the leaves it has.
 */
export const driftKinds = [
  "structure",
  "policy",
  "trigger",
  "task-code",
  "shared",
  "asset",
  "runtime",
  "environment",
  "schema",
  "package",
  "signature",
  "policy-file",
  "missing",
  "unlogged",
  "store",
  "output",
  "gap",
  "fork",
] as const;
export type DriftKind = (typeof driftKinds)[number];

export interface DriftFinding {
  kind: DriftKind;
  /** The workflow, task, file, variable, package, leaf or log that it is about. */
  subject: string;
  /** What is different; of an unknown one, why it cannot be told. */
  message: string;
  /** Of a schema: whether what was taken is taken still. */
  compatible?: boolean;
}

/** What is different, and what cannot be told. Both in the order of `driftKinds`. */
export interface Drift {
  findings: readonly DriftFinding[];
  unknown: readonly DriftFinding[];
}

type Check = (before: Compared, after: Compared) => Iterable<Difference>;

/** What two packages, or two frozen definitions, are held against each other by. */
const checks: readonly (readonly [DriftKind, Check])[] = [
  ["structure", structureChanges],
  ["policy", policyChanges],
  ["trigger", triggerChanges],
  ["task-code", taskCodeChanges],
  ["shared", sharedChanges],
  ["asset", assetChanges],
  ["runtime", runtimeChanges],
  ["environment", environmentChanges],
  ["schema", schemaChanges],
  ["package", packageChanges],
];

/** Names every difference, and never guesses: what one of the two does not say is unknown. */
export function driftBetween(before: Compared, after: Compared): Drift {
  const findings: DriftFinding[] = [];
  const unknown: DriftFinding[] = [];
  for (const [kind, check] of checks) {
    for (const { isUnknown = false, ...difference } of check(before, after)) {
      (isUnknown ? unknown : findings).push({ kind, ...difference });
    }
  }
  return { findings, unknown };
}

function* packageChanges(before: Compared, after: Compared): Iterable<Difference> {
  const { name, version, digest } = after.package;
  if (before.package.name !== name || before.package.version !== version || hasEqualPackage(before, after)) return;
  const message = `one version has two contents: ${before.package.digest.slice(0, 12)} and ${digest.slice(0, 12)}`;
  yield { subject: `${name}@${version}`, message };
}

export type DriftResult = "none" | "drift" | "unknown";

export function driftResult({ findings, unknown }: Drift): DriftResult {
  if (findings.length > 0) return "drift";
  return unknown.length > 0 ? "unknown" : "none";
}
