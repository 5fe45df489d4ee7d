import { invariant } from "../kernel/assert.ts";
import { canonicalBytes } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import {
  type Attempt,
  type Failure,
  isRunEnded,
  type Output,
  type Outcome,
  type Run,
  type RunHead,
  type RunId,
  type RunState,
  type TaskRun,
  type TaskRunState,
  type Trigger,
} from "./run.ts";
import type { WorkflowId } from "./workflow.ts";

export const STATEMENT_TYPE = "https://in-toto.io/Statement/v1";
export const RUN_PREDICATE_TYPE = "urn:cascade:attestation:run:v1";
export const RUN_BUILD_TYPE = "urn:cascade:workflow-run:v1";

interface DigestSet {
  sha256: Digest;
}

export interface NamedDigest {
  name: string;
  digest: DigestSet;
}

/** A run as it ended. */
export type EndedRun = Pick<
  Run,
  "id" | "workflow" | "package" | "snapshot" | "params" | "trigger" | "plannedAt" | "createdAt" | "startDigest" | "head"
> & { readonly tasks: ReadonlyMap<string, TaskRun> };

/** What a statement says that the run itself does not know. */
export interface StatementFacts {
  /** Counts the ended runs of the workflow from 1, without gaps. */
  runNumber: number;
  /** SHA-256 of the statement of the run numbered one less; null for the first. */
  previousProof: Digest | null;
  /** A URI for the engine that ran it. */
  builderId: string;
  /** What admitted the package. */
  admission: AdmissionFact;
  /** Of the program, of Node and the platform as `linux-x64`. */
  versions: { cascade: string; node: string; platform: string };
}

/**
 * What is signed about an ended run: an in-toto Statement v1 (https://in-toto.io/Statement/v1) with a predicate of our own,
 * built around the two field groups of SLSA provenance v1. Described field by field in docs/proof-format.md.
 * Holds no floats and no values of the user's: params, inputs, outputs and errors are there as digests only.
 */
export interface RunStatement {
  _type: typeof STATEMENT_TYPE;
  /** `output/<task>` for each output; a run without outputs has `run/<id>` with the digest of its predicate's RFC 8785 bytes. */
  subject: readonly NamedDigest[];
  predicateType: typeof RUN_PREDICATE_TYPE;
  predicate: RunPredicate;
}

/** How the package came to be loaded. */
export interface AdmissionFact {
  /** Of the statement that it was admitted, the last one before the run's end; null when there was no trust policy. */
  digest: Digest | null;
  /** No signature counted: without a policy none is looked at. */
  unsigned: boolean;
}

export interface RunPredicate {
  /** Absent in the statements of versions that did not know of it. */
  admission?: AdmissionFact;
  buildDefinition: {
    buildType: typeof RUN_BUILD_TYPE;
    externalParameters: { workflow: WorkflowId; paramsDigest: Digest; trigger: Trigger; plannedAt: string };
    internalParameters: { createdAt: string };
    /** The package (SHA-256 of its manifest.json) and the snapshot that was executed. */
    resolvedDependencies: readonly [PackageDependency, NamedDigest];
  };
  runDetails: {
    builder: { id: string; version: StatementFacts["versions"] };
    /** `startedOn` is null for a run that ended in the queue. */
    metadata: { invocationId: RunId; startedOn: string | null; finishedOn: string };
  };
  /** `reason` is an error code for a failed run, the reason of the cancel for a cancelled one, else null. */
  outcome: { status: RunState; reason: string | null; runNumber: number; previousProof: Digest | null };
  /** SHA-256 of the statement that it was started; absent where the workflow does not log that. */
  start?: Digest;
  /** Sorted by id in the order of UTF-16 code units. */
  tasks: readonly TaskStatement[];
}

interface PackageDependency extends NamedDigest {
  annotations: { name: string; version: string };
}

export interface TaskStatement {
  id: string;
  status: TaskRunState;
  attempts: readonly AttemptStatement[];
  /** Of the function's text in the bundle or of the command; null when the package does not tell. */
  codeDigest: Digest | null;
  /** SHA-256 of the RFC 8785 bytes of `{params, upstream}`: the params' digest, the upstream outputs' digests by task. Null without an attempt. */
  inputDigest: Digest | null;
  /** SHA-256 of the output's JSON text as it is stored. */
  outputDigest: Digest | null;
  /** The direct upstream tasks that failed or were skipped, sorted; null unless the task was skipped. */
  skippedBecause: readonly string[] | null;
}

interface AttemptStatement {
  n: number;
  startedOn: string;
  finishedOn: string;
  status: Outcome;
  exitCode: number | null;
  /** SHA-256 of the RFC 8785 bytes of `{code, message}`; null for a success. */
  errorDigest: Digest | null;
  /** SHA-256 of the recording's bytes; absent without one, as in the statements of before. */
  recording?: Digest;
}

/**
 * The statement about an ended run: the same run and facts always give the same bytes. Every object in it is made with its
 * keys in the order of RFC 8785, which `statementText` relies on.
 */
export function statementOf(run: EndedRun, facts: StatementFacts): RunStatement {
  const predicate = predicateOf(run, facts);
  return { _type: STATEMENT_TYPE, predicate, predicateType: RUN_PREDICATE_TYPE, subject: subjectsOf(predicate) };
}

/**
 * The bytes that are signed, stored and hashed, as text: RFC 8785. Only for what `statementOf` made. Strings and whole
 * numbers are written by `JSON.stringify` as the RFC wants them, and the keys are in its order already; sorting them once
 * more for each run would cost more than signing it.
 */
export function statementText(statement: RunStatement): string {
  return JSON.stringify(statement);
}

/** What a predicate's subjects must be, so that a verifier can hold the two against each other. */
export function subjectsOf(predicate: RunPredicate): NamedDigest[] {
  const outputs = predicate.tasks.flatMap(({ id, outputDigest }) =>
    outputDigest === null ? [] : [{ digest: { sha256: outputDigest }, name: `output/${id}` }],
  );
  if (outputs.length > 0) return outputs;
  const name = `run/${predicate.runDetails.metadata.invocationId}`;
  return [{ digest: { sha256: sha256(canonicalBytes(predicate)) }, name }];
}

/** The digest of the JSON text that is stored for an output, inline or as an artifact. */
function outputDigest(output: Output): Digest {
  return output.kind === "inline" ? sha256(output.json) : output.digest;
}

function predicateOf(run: EndedRun, facts: StatementFacts): RunPredicate {
  const { head } = run;
  invariant(isRunEnded(head.state) && head.endedAt !== null, `run ${run.id} has ended`);
  const buildDefinition = buildDefinitionOf(run);
  const inputs = inputDigests(run, buildDefinition.externalParameters.paramsDigest);
  return {
    admission: { digest: facts.admission.digest, unsigned: facts.admission.unsigned },
    buildDefinition,
    outcome: {
      previousProof: facts.previousProof,
      reason: reasonOf(head),
      runNumber: facts.runNumber,
      status: head.state,
    },
    runDetails: {
      builder: builderOf(facts),
      metadata: {
        finishedOn: isoTime(head.endedAt),
        invocationId: run.id,
        startedOn: head.startedAt === null ? null : isoTime(head.startedAt),
      },
    },
    ...(run.startDigest === null ? {} : { start: run.startDigest }),
    tasks: [...run.tasks.values()].sort(byName).map((task) => taskStatementOf(run, task, inputs)),
  };
}

/** What was to be executed and why: known when a run is created, and the same when it ends. */
export function buildDefinitionOf(
  run: Pick<Run, "workflow" | "package" | "snapshot" | "params" | "trigger" | "plannedAt" | "createdAt">,
): RunPredicate["buildDefinition"] {
  const { name, version, digest } = run.package;
  return {
    buildType: RUN_BUILD_TYPE,
    externalParameters: {
      // Of the text as it was given: text nested too deeply for RFC 8785 here is still text, and must not keep a run from ending.
      paramsDigest: sha256(run.params),
      plannedAt: isoTime(run.plannedAt),
      trigger: triggerOf(run.trigger),
      workflow: run.workflow,
    },
    internalParameters: { createdAt: isoTime(run.createdAt) },
    resolvedDependencies: [
      { annotations: { name, version }, digest: { sha256: digest }, name: "package" },
      { digest: { sha256: run.snapshot.digest }, name: "snapshot" },
    ],
  };
}

export function builderOf({
  builderId,
  versions,
}: Pick<StatementFacts, "builderId" | "versions">): RunPredicate["runDetails"]["builder"] {
  const { cascade, node, platform } = versions;
  return { id: builderId, version: { cascade, node, platform } };
}

function taskStatementOf(run: EndedRun, task: TaskRun, inputDigestOf: (task: string) => Digest): TaskStatement {
  return {
    attempts: task.attempts.map(attemptStatementOf),
    codeDigest: run.snapshot.code[task.name] ?? null,
    id: task.name,
    inputDigest: task.attempts.length === 0 ? null : inputDigestOf(task.name),
    outputDigest: task.output === null ? null : outputDigest(task.output),
    skippedBecause: task.state === "skipped" ? skippedBecause(run, task.name) : null,
    status: task.state,
  };
}

function skippedBecause(run: EndedRun, name: string): string[] {
  return upstreamOf(run, name)
    .filter(({ state }) => state === "failed" || state === "skipped")
    .map((task) => task.name)
    .sort();
}

function upstreamOf(run: Pick<EndedRun, "id" | "snapshot" | "tasks">, name: string): TaskRun[] {
  return (run.snapshot.graph.upstream.get(name) ?? []).map((upstream) => {
    const found = run.tasks.get(upstream);
    invariant(found, `run ${run.id} has a task ${upstream}`);
    return found;
  });
}

function attemptStatementOf(attempt: Attempt): AttemptStatement {
  const { number, startedAt, endedAt, outcome, exitCode, failure, recording } = attempt;
  invariant(endedAt !== null && outcome !== null, `attempt ${attempt.id} has ended`);
  return {
    errorDigest: failure === null ? null : errorDigest(failure),
    exitCode,
    finishedOn: isoTime(endedAt),
    n: number,
    ...(recording === null ? {} : { recording }),
    startedOn: isoTime(startedAt),
    status: outcome,
  };
}

/** Digests of the inputs of a run's tasks; those of tasks with the same upstream are computed once. */
function inputDigests(run: EndedRun, params: Digest): (task: string) => Digest {
  let withoutUpstream: Digest | undefined;
  return (name) => {
    const upstream = upstreamOf(run, name);
    if (upstream.length === 0) return (withoutUpstream ??= inputDigest(params, upstream));
    return inputDigest(params, upstream);
  };
}

/** The input digest of one task, as the statement of its run will have it. */
export function taskInputDigest(run: Pick<EndedRun, "id" | "params" | "snapshot" | "tasks">, name: string): Digest {
  return inputDigest(sha256(run.params), upstreamOf(run, name));
}

function inputDigest(params: Digest, upstream: readonly TaskRun[]): Digest {
  // Written out: an object would order names that are numbers by their value, which is not the order of RFC 8785.
  const members = [...upstream]
    .sort(byName)
    .map(({ name, output }) => `"${name}":${output === null ? "null" : `"${outputDigest(output)}"`}`);
  return sha256(`{"params":"${params}","upstream":{${members.join(",")}}}`);
}

/** The stack is left out: it names places of one machine. A message is a task's own text and may hold half of a surrogate pair. */
export function errorDigest({ code, message }: Pick<Failure, "code" | "message">): Digest {
  return sha256(canonicalBytes({ code: code.toWellFormed(), message: message.toWellFormed() }));
}

function triggerOf(trigger: Trigger): Trigger {
  switch (trigger.kind) {
    case "manual":
      return { kind: "manual" };
    case "schedule":
      return { kind: "schedule", late: trigger.late, schedule: trigger.schedule };
  }
}

function reasonOf({ state, failure, cancel }: RunHead): string | null {
  if (state === "failed") return failure?.code.toWellFormed() ?? null;
  return state === "cancelled" ? (cancel?.reason ?? null) : null;
}

function byName(left: TaskRun, right: TaskRun): number {
  return left.name < right.name ? -1 : 1;
}
