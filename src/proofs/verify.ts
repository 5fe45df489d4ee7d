import { REPLAY_PREDICATE_TYPE } from "../domain/replay-statement.ts";
import { RUN_PREDICATE_TYPE, type RunStatement, STATEMENT_TYPE } from "../domain/statement.ts";
import { readStatement } from "../domain/statement-check.ts";
import { KEY_PREDICATE_TYPE } from "../domain/key-statement.ts";
import { POLICY_PREDICATE_TYPE } from "../domain/policy-statement.ts";
import { PRUNE_PREDICATE_TYPE } from "../domain/prune-statement.ts";
import { TLOG_PREDICATE_TYPE } from "../domain/tlog-statement.ts";
import type { Digest } from "../kernel/digest.ts";
import { checkKey, openBundle, openStatement } from "./envelope-checks.ts";
import type { Evidence } from "./evidence.ts";
import { VSA_PREDICATE_TYPE } from "../domain/admission-statement.ts";
import { checkAdmission } from "./admission-check.ts";
import { checkOutputs, checkPackage, checkPrevious } from "./evidence-checks.ts";
import { failed, type Finding, passed } from "./finding.ts";
import { checkLogEntry } from "./log-checks.ts";
import { chainProblem, subjectProblem, taskProblem } from "./statement-rules.ts";
import type { NoteKey } from "./tlog/note.ts";
import type { TrustedKey } from "./trusted-key.ts";
import type { Verification } from "./verification.ts";

export interface VerifyRequest {
  /** The text of a proof file. */
  bundle: string;
  /** The public keys to trust. With none the result is never `valid`. */
  keys: readonly TrustedKey[];
  /** The transparency logs to trust. With none the result is never `valid`. */
  logs: readonly NoteKey[];
  /** What the proof is held against; without it, the file alone is checked. */
  evidence?: Evidence;
}

/** Statements that are signed and logged beside those about runs; what they say is for the reader to judge. */
const otherPredicates: readonly string[] = [
  TLOG_PREDICATE_TYPE,
  VSA_PREDICATE_TYPE,
  PRUNE_PREDICATE_TYPE,
  KEY_PREDICATE_TYPE,
  POLICY_PREDICATE_TYPE,
  REPLAY_PREDICATE_TYPE,
];

/** Checks a proof file. Needs no network and, without evidence, nothing but the file and keys. Rejects only when evidence does. */
export async function verifyProof({ bundle, keys, logs, evidence = {} }: VerifyRequest): Promise<Verification> {
  const opened = openBundle(bundle);
  if ("status" in opened) return verification([opened], null, null);
  const key = checkKey(opened, keys);
  const keyId = key.trusted?.keyId ?? null;
  const findings = [passed("bundle", "it is one Sigstore bundle v0.3 with one signature"), ...key.findings];
  const content = readContent(opened.statement);
  const logFindings = checkLogEntry(opened, key.trusted, logs);
  if ("status" in content) return verification([...findings, content, ...logFindings], keyId, null);
  findings.push(...content.findings, ...logFindings);
  const { statement } = content;
  // Evidence is only looked up for what a trusted key has signed: an unsigned file does not choose what is read.
  if (statement && keyId !== null && !findings.some(({ status }) => status === "failed")) {
    findings.push(
      ...(await checkPrevious(statement, evidence)),
      ...(await checkPackage(statement, evidence)),
      ...(await checkAdmission(statement, evidence, (text) => verifyProof({ bundle: text, keys, logs }))),
      ...(await checkOutputs(statement, evidence)),
    );
  }
  return verification(findings, keyId, statement);
}

/** A verification to which more was found. */
export function withFindings({ keyId, statement, findings }: Verification, more: readonly Finding[]): Verification {
  return verification([...findings, ...more], keyId, statement);
}

function readContent(text: string): { statement: RunStatement | null; findings: Finding[] } | Finding {
  const opened = openStatement(text);
  if ("status" in opened) return opened;
  const { value } = opened;
  const predicateType = value["predicateType"];
  if (predicateType !== RUN_PREDICATE_TYPE && otherPredicates.includes(String(predicateType))) {
    if (value["_type"] !== STATEMENT_TYPE) return failed("statement", `its type is not ${STATEMENT_TYPE}`);
    return {
      statement: null,
      findings: [passed("statement", `RFC 8785 bytes of an in-toto statement, ${String(predicateType)}`)],
    };
  }
  const reading = readStatement(value);
  if ("problems" in reading) return failed("statement", reading.problems.join("; "));
  const { statement } = reading;
  const findings = [
    passed("statement", "RFC 8785 bytes of an in-toto statement about a run"),
    asFinding("tasks", taskProblem(statement), `${statement.predicate.tasks.length} tasks agree with the outcome`),
    asFinding("subjects", subjectProblem(statement), "the subjects are the digests that the predicate names"),
    asFinding("chain", chainProblem(statement), placeInChain(statement)),
  ];
  return { statement, findings };
}

function verification(
  findings: readonly Finding[],
  keyId: Digest | null,
  statement: RunStatement | null,
): Verification {
  const has = (status: Finding["status"]) => findings.some((finding) => finding.status === status);
  const result = has("failed") ? "refused" : has("unknown") || keyId === null ? "incomplete" : "valid";
  return { result, keyId, statement, findings };
}

function asFinding(check: Finding["check"], problem: string | undefined, otherwise: string): Finding {
  return problem === undefined ? passed(check, otherwise) : failed(check, problem);
}

function placeInChain({ predicate: { outcome, buildDefinition } }: RunStatement): string {
  const place = `run ${outcome.runNumber} of ${buildDefinition.externalParameters.workflow}`;
  return outcome.previousProof === null ? `${place}, the first` : `${place}, after proof ${outcome.previousProof}`;
}
