import { VSA_PREDICATE_TYPE } from "../domain/admission-statement.ts";
import { parseBundle } from "../domain/bundle.ts";
import type { RunStatement } from "../domain/statement.ts";
import { sha256 } from "../kernel/digest.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { Evidence } from "./evidence.ts";
import { failed, type Finding, passed, unknown } from "./finding.ts";
import type { Verification } from "./verification.ts";

/**
 * Holds the admission that a proof names against the statement of it, which has to be signed and logged like the proof and to
 * be about the package that the run came from. Without a policy there is no such statement, and nothing to hold.
 */
export async function checkAdmission(
  { predicate }: RunStatement,
  evidence: Evidence,
  verify: (bundle: string) => Promise<Verification>,
): Promise<Finding[]> {
  const digest = predicate.admission?.digest ?? null;
  if (digest === null || !evidence.attestation) return [];
  const bundle = await evidence.attestation(digest);
  if (bundle === undefined)
    return [unknown("admission", `the statement ${digest} that admitted the package is not here`)];
  const { result, findings } = await verify(bundle);
  if (result === "refused") {
    const why = findings
      .filter(({ status }) => status === "failed")
      .map(({ check, message }) => `${check}: ${message}`);
    return [failed("admission", `the statement that admitted the package is refused: ${why.join("; ")}`)];
  }
  const { statement } = parseBundle(bundle);
  if (sha256(statement) !== digest) return [failed("admission", `it is not statement ${digest}`)];
  const [code] = predicate.buildDefinition.resolvedDependencies;
  const problem = summaryProblem(JSON.parse(statement), code.digest.sha256);
  if (problem !== undefined) return [failed("admission", problem)];
  if (result === "incomplete")
    return [unknown("admission", "its own place in the transparency log could not be checked")];
  const how = predicate.admission?.unsigned ? "though nobody signed it" : "by signatures that its policy asks for";
  return [passed("admission", `the package was admitted ${how}, by statement ${digest}`)];
}

function summaryProblem(statement: unknown, packageDigest: string): string | undefined {
  if (!isJsonObject(statement) || statement["predicateType"] !== VSA_PREDICATE_TYPE) {
    return "the statement that it names is no verification summary";
  }
  const [subject] = Array.isArray(statement["subject"]) ? (statement["subject"] as unknown[]) : [];
  const digest = isJsonObject(subject) && isJsonObject(subject["digest"]) ? subject["digest"]["sha256"] : undefined;
  if (digest !== packageDigest) return `the statement admits package ${String(digest)}, not ${packageDigest}`;
  const predicate = statement["predicate"];
  const result = isJsonObject(predicate) ? predicate["verificationResult"] : undefined;
  return result === "PASSED" ? undefined : `the statement says ${String(result)}`;
}
