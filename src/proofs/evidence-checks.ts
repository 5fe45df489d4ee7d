import type { RunStatement } from "../domain/statement.ts";
import { readStatement } from "../domain/statement-check.ts";
import { MANIFEST_FILE } from "../domain/manifest.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { Evidence } from "./evidence.ts";
import { failed, type Finding, passed, unknown } from "./finding.ts";

/** Holds the statement against the one before it in its workflow's chain. */
export async function checkPrevious({ predicate }: RunStatement, evidence: Evidence): Promise<Finding[]> {
  const { runNumber, previousProof } = predicate.outcome;
  if (!evidence.statement || previousProof === null) return [];
  const { workflow } = predicate.buildDefinition.externalParameters;
  const text = await evidence.statement(workflow, runNumber - 1);
  if (text === undefined) return [await checkPrunedEnd({ workflow, runNumber, previousProof }, evidence)];
  const digest = sha256(text);
  if (digest !== previousProof) {
    return [failed("previous", `the proof of run ${runNumber - 1} is ${digest}, not ${previousProof}`)];
  }
  const place = placeOf(text);
  if (place?.workflow !== workflow || place.runNumber !== runNumber - 1) {
    return [failed("previous", `the proof before it is not that of run ${runNumber - 1} of ${workflow}`)];
  }
  return [passed("previous", `the proof of run ${runNumber - 1} is the one it names`)];
}

async function checkPrunedEnd(
  { workflow, runNumber, previousProof }: { workflow: string; runNumber: number; previousProof: string },
  evidence: Evidence,
): Promise<Finding> {
  const pruned = await evidence.prunedEnd?.(workflow);
  if (pruned?.runNumber !== runNumber - 1) {
    return unknown("previous", `the proof of run ${runNumber - 1} is not kept here`);
  }
  return pruned.digest === previousProof
    ? passed("previous", `the proof of run ${runNumber - 1}, which is pruned, is the one it names`)
    : failed(
        "previous",
        `the proof of run ${runNumber - 1}, which is pruned, was ${pruned.digest}, not ${previousProof}`,
      );
}

/** Holds the package's digest and the tasks' code against the manifest. */
export async function checkPackage({ predicate }: RunStatement, evidence: Evidence): Promise<Finding[]> {
  if (!evidence.manifest) return [];
  const [code] = predicate.buildDefinition.resolvedDependencies;
  const expected = code.digest.sha256;
  const bytes = await evidence.manifest(expected);
  if (!bytes) return [unknown("package", `the manifest of package ${expected} is not kept here`)];
  const digest = sha256(bytes);
  if (digest !== expected) return [failed("package", `the manifest has digest ${digest}, not ${expected}`)];
  const { name, version } = code.annotations;
  const manifest: unknown = JSON.parse(Buffer.from(bytes).toString("utf8"));
  if (!isJsonObject(manifest) || manifest["name"] !== name || manifest["version"] !== version) {
    return [failed("package", `the manifest is not that of ${name} ${version}`)];
  }
  const problem = await keptPackageProblem({ name, version, digest, manifest }, evidence);
  if (problem !== undefined) return [failed("package", problem)];
  const { workflow } = predicate.buildDefinition.externalParameters;
  const known = codeDigests(manifest);
  const other = predicate.tasks.find(({ id, codeDigest }) => {
    return codeDigest !== null && known[`${workflow.slice(workflow.indexOf("/") + 1)}/${id}`] !== codeDigest;
  });
  if (other) return [failed("package", `the manifest knows other code for task ${other.id}`)];
  return [passed("package", `manifest.json of ${name} ${version} has digest ${digest}`)];
}

/** How the files and the row of a package differ from its manifest. */
async function keptPackageProblem(
  {
    name,
    version,
    digest,
    manifest,
  }: { name: string; version: string; digest: Digest; manifest: Record<string, unknown> },
  evidence: Evidence,
): Promise<string | undefined> {
  const row = await evidence.packageRow?.(digest);
  if (row && (row.name !== name || row.version !== version))
    return `the row of package ${digest} names ${row.name} ${row.version}, not ${name} ${version}`;
  if (row && row.manifestDigest !== digest) return `the stored manifest of ${name} ${version} is another one`;
  const kept = await evidence.files?.(digest);
  const files = manifest["files"];
  if (!kept || !Array.isArray(files)) return undefined;
  const known = new Map((files as readonly { path: string; sha256: Digest }[]).map((file) => [file.path, file.sha256]));
  known.set(MANIFEST_FILE, digest);
  const changed = [...new Set([...known.keys(), ...kept.keys()])].find((path) => known.get(path) !== kept.get(path));
  return changed === undefined ? undefined : `store/${digest}/${changed} is not what the manifest names`;
}

/** Holds each output's digest against the output. */
export async function checkOutputs({ predicate }: RunStatement, evidence: Evidence): Promise<Finding[]> {
  const findings: Finding[] = [];
  if (!evidence.output) return findings;
  for (const { id, outputDigest } of predicate.tasks) {
    if (outputDigest === null) continue;
    const bytes = await evidence.output(id);
    const digest = bytes && sha256(bytes);
    if (digest === undefined) findings.push(unknown("output", `the output of ${id} is not kept here`));
    else if (digest === outputDigest) findings.push(passed("output", `the output of ${id} has digest ${digest}`));
    else findings.push(failed("output", `the output of ${id} has digest ${digest}, not ${outputDigest}`));
  }
  return findings;
}

function placeOf(statement: string): { workflow: string; runNumber: number } | undefined {
  const reading = readStatement(JSON.parse(statement));
  if ("problems" in reading) return undefined;
  const { buildDefinition, outcome } = reading.statement.predicate;
  return { workflow: buildDefinition.externalParameters.workflow, runNumber: outcome.runNumber };
}

function codeDigests(manifest: Record<string, unknown>): Record<string, unknown> {
  const fingerprint = manifest["fingerprint"];
  const tasks = isJsonObject(fingerprint) ? fingerprint["tasks"] : undefined;
  return isJsonObject(tasks) ? tasks : {};
}
