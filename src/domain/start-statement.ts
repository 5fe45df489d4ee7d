import { canonicalBytes, canonicalJson } from "../kernel/canonical-json.ts";
import { sha256 } from "../kernel/digest.ts";
import { startFileName } from "./proof.ts";
import type { Run, RunId } from "./run.ts";
import {
  buildDefinitionOf,
  builderOf,
  type NamedDigest,
  type RunPredicate,
  type RunStatement,
  type StatementFacts,
  STATEMENT_TYPE,
} from "./statement.ts";

export const START_PREDICATE_TYPE = "urn:cascade:attestation:run-start:v1";

/** A run as it is created. */
export type StartedRun = Pick<
  Run,
  "id" | "workflow" | "package" | "snapshot" | "params" | "trigger" | "plannedAt" | "createdAt"
>;

/**
 * What is signed when a run is created whose workflow logs its starts: what will be executed, by whom and why, in the words of
 * the statement about its end, so that the two can be held against each other. Described in docs/proof-format.md.
 */
export interface StartStatement {
  _type: typeof STATEMENT_TYPE;
  /** One: `run/<id>` with the digest of the predicate's RFC 8785 bytes, as for a run without outputs. */
  subject: readonly NamedDigest[];
  predicateType: typeof START_PREDICATE_TYPE;
  predicate: StartPredicate;
}

export interface StartPredicate {
  buildDefinition: RunPredicate["buildDefinition"];
  runDetails: { builder: RunPredicate["runDetails"]["builder"]; metadata: { invocationId: RunId } };
}

/** The RFC 8785 text of the statement that a run was started: the same run and facts always give the same bytes. */
export function startStatementText(run: StartedRun, facts: Pick<StatementFacts, "builderId" | "versions">): string {
  const predicate: StartPredicate = {
    buildDefinition: buildDefinitionOf(run),
    runDetails: { builder: builderOf(facts), metadata: { invocationId: run.id } },
  };
  const statement: StartStatement = {
    _type: STATEMENT_TYPE,
    subject: startSubjects(predicate),
    predicateType: START_PREDICATE_TYPE,
    predicate,
  };
  return canonicalJson(statement);
}

/** What a predicate's subjects must be, so that a verifier can hold the two against each other. */
export function startSubjects(predicate: StartPredicate): NamedDigest[] {
  const name = `run/${predicate.runDetails.metadata.invocationId}`;
  return [{ name, digest: { sha256: sha256(canonicalBytes(predicate)) } }];
}

/** The file below `proofs/` of the start that the statement about an end names; null when it names none. */
export function startFileIn({ predicate }: RunStatement): string | null {
  if (predicate.start === undefined) return null;
  const { runDetails, buildDefinition } = predicate;
  const createdAt = Date.parse(buildDefinition.internalParameters.createdAt);
  return startFileName({ id: runDetails.metadata.invocationId, createdAt });
}
