import type { ProofBundle } from "../domain/bundle.ts";
import { REPLAY_PREDICATE_TYPE } from "../domain/replay-statement.ts";
import { RUN_PREDICATE_TYPE, type RunStatement, STATEMENT_TYPE } from "../domain/statement.ts";
import { START_PREDICATE_TYPE } from "../domain/start-statement.ts";
import { readStartStatement, readStatement } from "../domain/statement-check.ts";
import { KEY_PREDICATE_TYPE } from "../domain/key-statement.ts";
import { POLICY_PREDICATE_TYPE } from "../domain/policy-statement.ts";
import { PRUNE_PREDICATE_TYPE } from "../domain/prune-statement.ts";
import { TLOG_PREDICATE_TYPE } from "../domain/tlog-statement.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { checkKey, openBundle, openStatement } from "./envelope-checks.ts";
import type { Evidence } from "./evidence.ts";
import { VSA_PREDICATE_TYPE } from "../domain/admission-statement.ts";
import { checkAdmission } from "./admission-check.ts";
import { checkOutputs, checkPackage, checkPrevious } from "./evidence-checks.ts";
import { failed, type Finding, passed } from "./finding.ts";
import { checkFileName } from "./file-name.ts";
import { checkRecord } from "./record-check.ts";
import { checkLogEntry } from "./log-checks.ts";
import { checkEnd, checkStart, type Trust } from "./start-check.ts";
import { chainProblem, startSubjectProblem, subjectProblem, taskProblem } from "./statement-rules.ts";
import type { NoteKey } from "./tlog/note.ts";
import type { TrustedKey } from "./trusted-key.ts";
import type { Verification } from "./verification.ts";

export interface VerifyRequest {
  /** The text of a proof file. */
  bundle: string;
  /** Its path. Where that is one that Cascade gives, it has to be the one of this statement; without it, it is not looked at. */
  name?: string;
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
export async function verifyProof({ bundle, name, keys, logs, evidence = {} }: VerifyRequest): Promise<Verification> {
  const opened = openBundle(bundle);
  if ("status" in opened) return verification([opened], null, noContent);
  const key = checkKey(opened, keys);
  const keyId = key.trusted?.keyId ?? null;
  const findings = [passed("bundle", "it is one Sigstore bundle v0.3 with one signature"), ...key.findings];
  const content = readContent(opened.statement);
  const logFindings = checkLogEntry(opened, key.trusted, logs);
  if ("status" in content) return verification([...findings, content, ...logFindings], keyId, noContent);
  findings.push(...content.findings, ...logFindings);
  if (name !== undefined) findings.push(...checkFileName(name, content, opened.statement));
  // Evidence is only looked up for what a trusted key has signed: an unsigned file does not choose what is read.
  if (keyId !== null && !findings.some(({ status }) => status === "failed")) {
    const verify = (text: string) => verifyProof({ bundle: text, keys, logs });
    findings.push(...(await checkEvidence(content, opened, evidence, { keys, verify })));
  }
  return verification(findings, keyId, content);
}

async function checkEvidence(
  { statement, start }: Content,
  bundle: ProofBundle,
  evidence: Evidence,
  trust: Trust,
): Promise<Finding[]> {
  if (start) return checkEnd(start, sha256(bundle.statement), evidence);
  if (!statement) return [];
  const findings = [
    ...(await checkPrevious(statement, evidence)),
    ...(await checkStart(statement, bundle.entry, evidence, trust)),
    ...(await checkPackage(statement, evidence)),
    ...(await checkAdmission(statement, evidence, trust.verify)),
    ...(await checkOutputs(statement, evidence)),
  ];
  // What was found names its thing better than the field that it makes in a statement.
  if (findings.some(({ status }) => status === "failed")) return findings;
  return [...findings, ...(await checkRecord(statement, bundle, evidence))];
}

/** A verification to which more was found. */
export function withFindings(found: Verification, more: readonly Finding[]): Verification {
  return verification([...found.findings, ...more], found.keyId, found);
}

type Content = Pick<Verification, "statement" | "start">;
const noContent: Content = { statement: null, start: null };

function readContent(text: string): (Content & { findings: readonly Finding[] }) | Finding {
  const opened = openStatement(text);
  if ("status" in opened) return opened;
  const { value } = opened;
  const predicateType = value["predicateType"];
  if (predicateType !== RUN_PREDICATE_TYPE && otherPredicates.includes(String(predicateType))) {
    if (value["_type"] !== STATEMENT_TYPE) return failed("statement", `its type is not ${STATEMENT_TYPE}`);
    return {
      ...noContent,
      findings: [passed("statement", `RFC 8785 bytes of an in-toto statement, ${String(predicateType)}`)],
    };
  }
  if (predicateType === START_PREDICATE_TYPE) return readStart(value);
  const reading = readStatement(value);
  if ("problems" in reading) return failed("statement", reading.problems.join("; "));
  const { statement } = reading;
  const findings = [
    passed("statement", "RFC 8785 bytes of an in-toto statement about a run"),
    asFinding("tasks", taskProblem(statement), `${statement.predicate.tasks.length} tasks agree with the outcome`),
    asFinding("subjects", subjectProblem(statement), "the subjects are the digests that the predicate names"),
    asFinding("chain", chainProblem(statement), placeInChain(statement)),
  ];
  return { statement, start: null, findings };
}

function readStart(value: unknown): (Content & { findings: readonly Finding[] }) | Finding {
  const reading = readStartStatement(value);
  if ("problems" in reading) return failed("statement", reading.problems.join("; "));
  const { statement: start } = reading;
  const { externalParameters, internalParameters } = start.predicate.buildDefinition;
  const what = `the start of a run of ${externalParameters.workflow}, created ${internalParameters.createdAt}`;
  const findings = [
    passed("statement", `RFC 8785 bytes of an in-toto statement about ${what}`),
    asFinding("subjects", startSubjectProblem(start), "the subject is the digest of the predicate"),
  ];
  return { statement: null, start, findings };
}

function verification(findings: readonly Finding[], keyId: Digest | null, { statement, start }: Content): Verification {
  const has = (status: Finding["status"]) => findings.some((finding) => finding.status === status);
  const result = has("failed") ? "refused" : has("unknown") || keyId === null ? "incomplete" : "valid";
  return { result, keyId, statement, start, findings };
}

function asFinding(check: Finding["check"], problem: string | undefined, otherwise: string): Finding {
  return problem === undefined ? passed(check, otherwise) : failed(check, problem);
}

function placeInChain({ predicate: { outcome, buildDefinition } }: RunStatement): string {
  const place = `run ${outcome.runNumber} of ${buildDefinition.externalParameters.workflow}`;
  return outcome.previousProof === null ? `${place}, the first` : `${place}, after proof ${outcome.previousProof}`;
}
