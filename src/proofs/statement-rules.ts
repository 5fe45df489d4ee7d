import type { LogEntry } from "../domain/bundle.ts";
import { type StartStatement, startSubjects } from "../domain/start-statement.ts";
import { type RunStatement, subjectsOf, type TaskStatement } from "../domain/statement.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";

/** How the tasks of a statement contradict themselves or the run's end; undefined when they do not. */
export function taskProblem({ predicate: { outcome, tasks } }: RunStatement): string | undefined {
  for (const [index, task] of tasks.entries()) {
    const before = tasks[index - 1];
    if (before && before.id >= task.id) return `task ${task.id} is not in order, or is there twice`;
    const problem = problemOf(task);
    if (problem !== undefined) return `task ${task.id} ${problem}`;
  }
  const all = tasks.every(({ status }) => status === "succeeded");
  if (all !== (outcome.status === "succeeded")) return `the run ${outcome.status}, which its tasks contradict`;
  return undefined;
}

function problemOf({ status, attempts, inputDigest, outputDigest, skippedBecause }: TaskStatement): string | undefined {
  if (attempts.some(({ n }, index) => n !== index + 1)) return "has attempts that are not numbered from 1 without gaps";
  const successes = attempts.filter((attempt) => attempt.status === "succeeded").length;
  if (successes !== (status === "succeeded" ? 1 : 0)) return `is ${status} after ${successes} succeeded attempts`;
  if (outputDigest !== null && status !== "succeeded") return `is ${status} and has an output`;
  if ((inputDigest === null) !== (attempts.length === 0)) return "has an input without an attempt, or the reverse";
  if ((skippedBecause === null) !== (status !== "skipped"))
    return "does not say why it was skipped, or was not skipped";
  return undefined;
}

/** How the subjects differ from what the predicate says. */
export function subjectProblem({ subject, predicate }: RunStatement): string | undefined {
  return subjectDifference(subject, subjectsOf(predicate));
}

/** The same of the statement that a run was started. */
export function startSubjectProblem({ subject, predicate }: StartStatement): string | undefined {
  return subjectDifference(subject, startSubjects(predicate));
}

function subjectDifference(found: unknown, expected: unknown): string | undefined {
  const same = canonicalJson(found) === canonicalJson(expected);
  return same ? undefined : "the subjects are not the digests that the predicate names";
}

/** A start or an end of a run: the digest of what it says that the other one must say, too, and its leaf. */
export interface Half {
  said: Digest;
  leaf: Pick<LogEntry, "logId" | "index"> | null;
}

export function halfOf({ predicate }: StartStatement | RunStatement, entry: LogEntry | null): Half {
  const { buildDefinition, runDetails } = predicate;
  const { workflow, paramsDigest, trigger, plannedAt } = buildDefinition.externalParameters;
  const [code, frozen] = buildDefinition.resolvedDependencies;
  // Named one by one: a later version may say more in an end than an earlier one has said in its start.
  const said = {
    run: runDetails.metadata.invocationId,
    workflow,
    paramsDigest,
    trigger,
    plannedAt,
    createdAt: buildDefinition.internalParameters.createdAt,
    package: code.digest.sha256,
    snapshot: frozen.digest.sha256,
  };
  return { said: sha256(canonicalJson(said)), leaf: entry && { logId: entry.logId, index: entry.index } };
}

/** How a start and the end that names it do not belong together. */
export function pairProblem(start: Half, end: Half): string | undefined {
  if (start.said !== end.said) return "start and end do not say the same about the run";
  const [first, last] = [start.leaf, end.leaf];
  if (!first || !last || first.logId !== last.logId || first.index < last.index) return undefined;
  return `the start is leaf ${first.index}, which is not before leaf ${last.index} of the end`;
}

/** The first proof of a workflow has no previous one, every other has. */
export function chainProblem({ predicate: { outcome } }: RunStatement): string | undefined {
  const first = outcome.runNumber === 1;
  if (first === (outcome.previousProof === null)) return undefined;
  return first ? "the first run names a proof before it" : `run ${outcome.runNumber} names no proof before it`;
}
