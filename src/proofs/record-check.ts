import type { ProofBundle } from "../domain/bundle.ts";
import { firstDifference } from "../domain/json-difference.ts";
import { isRunEnded, type Run } from "../domain/run.ts";
import { type RunStatement, statementOf } from "../domain/statement.ts";
import { sha256 } from "../kernel/digest.ts";
import { isJsonObject, type Json } from "../kernel/json.ts";
import { toCascadeError } from "../kernel/errors.ts";
import type { Evidence, ProofRow } from "./evidence.ts";
import { failed, type Finding, passed } from "./finding.ts";
import { hashLeaf } from "./tlog/merkle.ts";

/**
 * Holds a statement against what is kept of its run: the statement is made again from that, and the two are compared. What is not
 * kept any more is not asked for.
 */
export async function checkRecord(
  statement: RunStatement,
  bundle: ProofBundle,
  evidence: Evidence,
): Promise<Finding[]> {
  const [run, row] = await Promise.all([evidence.run?.(), evidence.proofRow?.()]);
  const problems = [
    ...(run ? [runProblem(statement, run)] : []),
    ...(row ? [differenceOf(rowOf(statement, bundle), row, "the row of the proof")] : []),
    await leafDifference(bundle, evidence),
  ].filter((problem) => problem !== undefined);
  if (problems.length > 0) return problems.map((problem) => failed("record", problem));
  return run ? [passed("record", "what is kept of the run makes the same statement")] : [];
}

/** The log may have been made anew, or changed, since the file took its place in it along. */
async function leafDifference({ entry }: ProofBundle, evidence: Evidence): Promise<string | undefined> {
  if (!entry || !evidence.leaf) return undefined;
  let kept: Uint8Array | undefined;
  try {
    kept = await evidence.leaf(entry);
  } catch (error) {
    return `leaf ${entry.index} of the log as it is kept: ${toCascadeError(error).message}`;
  }
  if (!kept || hashLeaf(Buffer.from(entry.body, "base64")).equals(kept)) return undefined;
  return `leaf ${entry.index} of the log as it is kept is of another statement`;
}

function runProblem(statement: RunStatement, run: Run): string | undefined {
  const { outcome, runDetails } = statement.predicate;
  const kept = `run ${run.id} as it is kept`;
  if (!isRunEnded(run.head.state)) return difference("/predicate/outcome/status", outcome.status, run.head.state, kept);
  let again: RunStatement;
  try {
    again = statementOf(run, {
      runNumber: outcome.runNumber,
      previousProof: outcome.previousProof,
      builderId: runDetails.builder.id,
      versions: runDetails.builder.version,
      admission: statement.predicate.admission ?? { digest: null, unsigned: true },
    });
  } catch (error) {
    return `${kept} is not one that has ended: ${error instanceof Error ? error.message : String(error)}`;
  }
  // Statements of versions that did not know of admissions are still what their runs make, without it.
  if (statement.predicate.admission === undefined) delete again.predicate.admission;
  return differenceOf(statement, again, kept);
}

function rowOf({ predicate }: RunStatement, bundle: ProofBundle): ProofRow {
  return {
    workflow: predicate.buildDefinition.externalParameters.workflow,
    runNumber: predicate.outcome.runNumber,
    previousProof: predicate.outcome.previousProof,
    digest: sha256(bundle.statement),
    statement: sha256(bundle.statement),
    endedAt: predicate.runDetails.metadata.finishedOn,
    keyId: bundle.keyId,
    signature: bundle.signature,
  };
}

function differenceOf(said: unknown, kept: unknown, what: string): string | undefined {
  const [one, other] = [plain(said), plain(kept)];
  const place = firstDifference(one, other);
  return place === undefined ? undefined : difference(place, memberAt(one, place), memberAt(other, place), what);
}

function difference(place: string, said: unknown, kept: unknown, what: string): string {
  return `${place} is ${written(said)} in the proof, and ${written(kept)} in ${what}`;
}

function plain(value: unknown): Json {
  return JSON.parse(JSON.stringify(value)) as Json;
}

function memberAt(value: unknown, pointer: string): unknown {
  return pointer
    .split("/")
    .slice(1)
    .reduce<unknown>(
      (holder, key) => (isJsonObject(holder) || Array.isArray(holder) ? Reflect.get(holder, key) : undefined),
      value,
    );
}

function written(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value).slice(0, 200);
}
