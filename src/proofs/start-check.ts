import type { LogEntry } from "../domain/bundle.ts";
import { readStatementText } from "../domain/statement-check.ts";
import { type StartStatement, startFileIn } from "../domain/start-statement.ts";
import type { RunStatement } from "../domain/statement.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { isJsonObject } from "../kernel/json.ts";
import { openBundle } from "./envelope-checks.ts";
import type { Evidence } from "./evidence.ts";
import { failed, type Finding, passed, unknown } from "./finding.ts";
import { halfOf, pairProblem } from "./statement-rules.ts";
import type { TrustedKey } from "./trusted-key.ts";
import type { Verification } from "./verification.ts";

/** Whom the verification trusts, and how it looks at another file. */
export interface Trust {
  keys: readonly TrustedKey[];
  verify(bundle: string): Promise<Verification>;
}

/** Holds the end of a run against the start that it names, which has to be signed and logged before it. */
export async function checkStart(
  end: RunStatement,
  entry: LogEntry | null,
  evidence: Evidence,
  trust: Trust,
): Promise<Finding[]> {
  const { start: digest } = end.predicate;
  const file = startFileIn(end);
  if (digest === undefined || file === null) return checkNoStart(end, evidence);
  if (!evidence.start) return [];
  const text = await evidence.start(file);
  if (text === undefined) return [unknown("start", `the statement ${digest} that it was started is not here`)];
  const opened = openBundle(text);
  if ("status" in opened) return [failed("start", `the file of its start is refused: ${opened.message}`)];
  const found = sha256(opened.statement);
  if (found !== digest) return [failed("start", `the statement that it was started is ${found}, not ${digest}`)];
  // What it says is vouched for by the end, whoever has signed it: keys change while runs go on.
  if (!trust.keys.some(({ keyId }) => keyId === opened.keyId))
    return [unknown("start", `the statement that it was started names ${opened.keyId}, which is not trusted`)];
  const { result, start, findings } = await trust.verify(text);
  if (result === "refused" || !start) {
    const why = findings
      .filter(({ status }) => status === "failed")
      .map(({ check, message }) => `${check}: ${message}`);
    return [failed("start", `the statement that it was started is refused: ${why.join("; ")}`)];
  }
  const problem = pairProblem(halfOf(start, opened.entry), halfOf(end, entry));
  if (problem !== undefined) return [failed("start", problem)];
  if (result === "incomplete") return [unknown("start", "its own place in the transparency log could not be checked")];
  return [passed("start", `it was started by statement ${digest}, leaf ${opened.entry?.index}`)];
}

/** A package whose workflow logs its starts leaves no run without one. */
async function checkNoStart({ predicate }: RunStatement, evidence: Evidence): Promise<Finding[]> {
  const { resolvedDependencies, externalParameters } = predicate.buildDefinition;
  const expected = resolvedDependencies[0].digest.sha256;
  const bytes = await evidence.manifest?.(expected);
  if (!bytes || sha256(bytes) !== expected) return [];
  const name = externalParameters.workflow.slice(externalParameters.workflow.indexOf("/") + 1);
  return logsStart(JSON.parse(Buffer.from(bytes).toString("utf8")), name)
    ? [failed("start", `${externalParameters.workflow} logs its starts, and it names none`)]
    : [];
}

function logsStart(manifest: unknown, workflow: string): boolean {
  const workflows = isJsonObject(manifest) ? manifest["workflows"] : undefined;
  const definition = Array.isArray(workflows)
    ? (workflows as unknown[]).find((each) => isJsonObject(each) && each["name"] === workflow)
    : undefined;
  return isJsonObject(definition) && definition["logStart"] === true;
}

/** Holds the start of a run against what is known of its end. */
export async function checkEnd({ predicate }: StartStatement, digest: Digest, evidence: Evidence): Promise<Finding[]> {
  const run = predicate.runDetails.metadata.invocationId;
  const end = await evidence.end?.(run);
  switch (end?.kind) {
    case undefined:
      return [];
    case "unfinished":
      return [passed("end", "its run has not ended yet")];
    case "pruned":
      return [unknown("end", "the proof of its run is pruned")];
    case "unknown":
      return [
        unknown("end", `neither run ${run} nor a proof of it is here: it was deleted, or it is another engine's`),
      ];
    case "proven": {
      const reading = readStatementText(end.statement);
      const named = "statement" in reading ? reading.statement.predicate.start : undefined;
      return named === digest
        ? [passed("end", "its run has ended, and the proof of it names this start")]
        : [failed("end", `its run has ended, and the proof of it names ${named ?? "no start"}`)];
    }
  }
}
