import { verify as verifySignature } from "node:crypto";
import { parseBundle, type SealedStatement } from "../domain/bundle.ts";
import { statementPae } from "../domain/dsse.ts";
import type { RunStatement } from "../domain/statement.ts";
import { readStatement } from "../domain/statement-check.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Evidence } from "./evidence.ts";
import { checkOutputs, checkPackage, checkPrevious } from "./evidence-checks.ts";
import { failed, type Finding, passed, unknown } from "./finding.ts";
import { chainProblem, subjectProblem, taskProblem } from "./statement-rules.ts";
import type { TrustedKey } from "./trusted-key.ts";

/**
 * valid       every check passed, under a trusted key that `keyId` names.
 * refused     some check failed: do not believe it.
 * incomplete  nothing failed, but something could not be checked: no key was given, or evidence is not kept any more.
 */
type VerificationResult = "valid" | "refused" | "incomplete";

export interface Verification {
  result: VerificationResult;
  /** The trusted key under which the signature is good; null without one, and never null when valid. */
  keyId: Digest | null;
  /** What is signed, as far as it could be read; to be believed only when valid. */
  statement: RunStatement | null;
  /** One per check, in the order they were made. */
  findings: readonly Finding[];
}

export interface VerifyRequest {
  /** The text of a proof file. */
  bundle: string;
  /** The public keys to trust. With none the result is never `valid`. */
  keys: readonly TrustedKey[];
  /** What the proof is held against; without it, the file alone is checked. */
  evidence?: Evidence;
}

/** Checks the proof of a run. Needs no network and, without evidence, nothing but the file and a key. Rejects only when evidence does. */
export async function verifyRun({ bundle, keys, evidence = {} }: VerifyRequest): Promise<Verification> {
  const sealed = openBundle(bundle);
  if ("status" in sealed) return verification([sealed], null, null);
  const key = checkKey(sealed, keys);
  const findings = [passed("bundle", "it is one Sigstore bundle v0.3 with one signature"), key.finding];
  if (key.signature) findings.push(key.signature);
  const content = openStatement(sealed.statement);
  if ("status" in content) return verification([...findings, content], key.trusted, null);
  const { statement } = content;
  findings.push(
    passed("statement", "RFC 8785 bytes of an in-toto statement about a run"),
    asFinding("tasks", taskProblem(statement), `${statement.predicate.tasks.length} tasks agree with the outcome`),
    asFinding("subjects", subjectProblem(statement), "the subjects are the digests that the predicate names"),
    asFinding("chain", chainProblem(statement), placeInChain(statement)),
  );
  // Evidence is only looked up for what a trusted key has signed: an unsigned file does not choose what is read.
  if (key.trusted !== null && !findings.some(({ status }) => status === "failed")) {
    findings.push(
      ...(await checkPrevious(statement, evidence)),
      ...(await checkPackage(statement, evidence)),
      ...(await checkOutputs(statement, evidence)),
    );
  }
  return verification(findings, key.trusted, statement);
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

function openBundle(text: string): SealedStatement | Finding {
  try {
    return parseBundle(text);
  } catch (error) {
    return failed("bundle", reasonOf(error));
  }
}

interface KeyCheck {
  trusted: Digest | null;
  finding: Finding;
  signature?: Finding;
}

function checkKey({ statement, signature, keyId }: SealedStatement, keys: readonly TrustedKey[]): KeyCheck {
  if (keys.length === 0) {
    return { trusted: null, finding: unknown("key", `no key to trust was given; the file names ${keyId}`) };
  }
  const key = keys.find((candidate) => candidate.keyId === keyId);
  if (!key) {
    const given = keys.map((candidate) => candidate.keyId).join(", ");
    return {
      trusted: null,
      finding: failed("key", `the file names ${keyId}, which is not trusted; trusted: ${given}`),
    };
  }
  const finding = passed("key", `it names the trusted key ${keyId}`);
  if (!isGood(signature, statement, key)) {
    return { trusted: null, finding, signature: failed("signature", `the signature is not of key ${keyId}`) };
  }
  return { trusted: keyId, finding, signature: passed("signature", `signed by the trusted key ${keyId}`) };
}

function isGood(signature: string, statement: string, { publicKey }: TrustedKey): boolean {
  const key = { key: publicKey, dsaEncoding: "der" as const };
  return verifySignature("sha256", statementPae(statement), key, Buffer.from(signature, "base64"));
}

function openStatement(text: string): { statement: RunStatement } | Finding {
  let value: unknown;
  try {
    value = JSON.parse(text);
    // Also refuses repeated keys and padding: what was signed is then exactly what is read.
    if (canonicalJson(value) !== text) return failed("statement", "the statement is not in RFC 8785 bytes");
  } catch (error) {
    return failed("statement", `the statement cannot be read: ${reasonOf(error)}`);
  }
  const reading = readStatement(value);
  return "problems" in reading ? failed("statement", reading.problems.join("; ")) : reading;
}

function asFinding(check: Finding["check"], problem: string | undefined, otherwise: string): Finding {
  return problem === undefined ? passed(check, otherwise) : failed(check, problem);
}

function placeInChain({ predicate: { outcome, buildDefinition } }: RunStatement): string {
  const place = `run ${outcome.runNumber} of ${buildDefinition.externalParameters.workflow}`;
  return outcome.previousProof === null ? `${place}, the first` : `${place}, after proof ${outcome.previousProof}`;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
