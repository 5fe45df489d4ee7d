import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import { type Digest, isDigest } from "../kernel/digest.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { PackageIdentity } from "./manifest.ts";
import { type ReplayResult, type TaskReplay, type TaskReplayResult, taskReplayResults } from "./replay.ts";
import type { RunId } from "./run.ts";
import { type NamedDigest, STATEMENT_TYPE, type StatementFacts } from "./statement.ts";
import type { WorkflowId } from "./workflow.ts";

export const REPLAY_PREDICATE_TYPE = "urn:cascade:attestation:replay:v1";

/** What keeps a replay from the network: the kernel, in a network namespace of its own, or only the task host's own refusals. */
export type ReplayIsolation = "namespace" | "shims";

/** What is signed about a replay. As in the statement about a run, values are there as digests only. */
export interface ReplayStatement {
  _type: typeof STATEMENT_TYPE;
  /** One: `run/<id>`, with the digest of the statement about it. */
  subject: readonly NamedDigest[];
  predicateType: typeof REPLAY_PREDICATE_TYPE;
  predicate: {
    /** The package whose code was executed in the place of the run's own; null when it was its own. */
    against: PackageIdentity | null;
    isolation: ReplayIsolation;
    /** JSON pointers to what was left out of the comparison of outputs. */
    mask: readonly string[];
    of: { run: RunId; proof: Digest; workflow: WorkflowId };
    result: ReplayResult;
    runDetails: {
      builder: { id: string; version: StatementFacts["versions"] };
      metadata: { startedOn: string; finishedOn: string };
    };
    /** In the definition's order. */
    tasks: readonly {
      id: string;
      attempt: number | null;
      recording: Digest | null;
      result: TaskReplayResult;
      /** Of the output's JSON text without what the mask names, or of a failure; null for a skipped one. */
      expected: Digest | null;
      found: Digest | null;
      /** To where the outputs first differ. */
      pointer: string | null;
    }[];
  };
}

/** A replay as it came out. */
export interface ReplayOutcome {
  run: RunId;
  workflow: WorkflowId;
  /** SHA-256 of the statement about the run. */
  proof: Digest;
  against: PackageIdentity | null;
  mask: readonly string[];
  isolation: ReplayIsolation;
  result: ReplayResult;
  tasks: readonly TaskReplay[];
  startedAt: number;
  finishedAt: number;
}

/** The RFC 8785 text of the statement about a replay. */
export function replayStatementText(
  outcome: ReplayOutcome,
  { builderId, versions }: Pick<StatementFacts, "builderId" | "versions">,
): string {
  const { run, workflow, proof, against, mask, isolation, result, tasks } = outcome;
  const statement: ReplayStatement = {
    _type: STATEMENT_TYPE,
    subject: [{ name: `run/${run}`, digest: { sha256: proof } }],
    predicateType: REPLAY_PREDICATE_TYPE,
    predicate: {
      against,
      isolation,
      mask,
      of: { run, proof, workflow },
      result,
      runDetails: {
        builder: { id: builderId, version: versions },
        metadata: { startedOn: isoTime(outcome.startedAt), finishedOn: isoTime(outcome.finishedAt) },
      },
      tasks: tasks.map(({ id, attempt, recording, result: of, expected, found, pointer }) => ({
        id,
        attempt,
        recording,
        result: of,
        expected,
        found,
        pointer: pointer?.toWellFormed() ?? null,
      })),
    },
  };
  return canonicalJson(statement);
}

/** What a statement says of a replay; undefined for the text of any other. Fields that nothing is decided by are not looked at. */
export function readReplay(text: string): ReplayStatement["predicate"] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || value["predicateType"] !== REPLAY_PREDICATE_TYPE) return undefined;
  const { predicate } = value;
  if (!isJsonObject(predicate)) return undefined;
  const { against, of, tasks } = predicate;
  if (!isJsonObject(of) || typeof of["run"] !== "string" || typeof of["workflow"] !== "string") return undefined;
  if (against !== null && !(isJsonObject(against) && isDigest(String(against["digest"])))) return undefined;
  if (!Array.isArray(tasks) || !tasks.every(isTask)) return undefined;
  return predicate as unknown as ReplayStatement["predicate"];
}

function isTask(task: unknown): boolean {
  if (!isJsonObject(task)) return false;
  const { id, result, pointer } = task;
  const isResult = (taskReplayResults as readonly unknown[]).includes(result);
  return typeof id === "string" && isResult && (pointer === null || typeof pointer === "string");
}
