import { type RunStatement, subjectsOf, type TaskStatement } from "../domain/statement.ts";
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
  const same = canonicalJson(subject) === canonicalJson(subjectsOf(predicate));
  return same ? undefined : "the subjects are not the digests that the predicate names";
}

/** The first proof of a workflow has no previous one, every other has. */
export function chainProblem({ predicate: { outcome } }: RunStatement): string | undefined {
  const first = outcome.runNumber === 1;
  if (first === (outcome.previousProof === null)) return undefined;
  return first ? "the first run names a proof before it" : `run ${outcome.runNumber} names no proof before it`;
}
