import { isDigest } from "../kernel/digest.ts";
import { createFieldCheck, type FieldCheck, formatPath, type Path } from "./field-check.ts";
import { outcomes } from "./run.ts";
import { START_PREDICATE_TYPE, type StartStatement } from "./start-statement.ts";
import { RUN_BUILD_TYPE, RUN_PREDICATE_TYPE, type RunStatement, STATEMENT_TYPE } from "./statement.ts";

const endStates = ["succeeded", "failed", "cancelled"] as const;
const taskEndStates = ["succeeded", "failed", "skipped", "cancelled"] as const;
const INTEGERS = { min: Number.MIN_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER };
const COUNT = { min: 1, max: Number.MAX_SAFE_INTEGER };

export type Reading<Statement> = { statement: Statement } | { problems: readonly string[] };
export type StatementReading = Reading<RunStatement>;

/**
 * Reads what `statementOf` makes: every field is there, each of its type. Says every problem with its place. Further fields are
 * left alone, as in-toto asks of its readers, so that the proofs of a later version can still be checked.
 */
export function readStatement(value: unknown): StatementReading {
  return reading<RunStatement>(value, (check) => createReader(check).statement(value));
}

/** The same of what `startStatementText` makes. */
export function readStartStatement(value: unknown): Reading<StartStatement> {
  return reading<StartStatement>(value, (check) => createReader(check).startStatement(value));
}

function reading<Statement>(value: unknown, read: (check: FieldCheck) => void): Reading<Statement> {
  const check = createFieldCheck(formatPath);
  read(check);
  const problems = check.problems.filter(({ code }) => code !== "FIELD_UNKNOWN");
  if (problems.length > 0) return { problems: problems.map(({ place, message }) => `${place}: ${message}`) };
  return { statement: value as Statement };
}

/** The same of its text. */
export function readStatementText(text: string): StatementReading {
  return readText(text, readStatement);
}

/** The same of the text of a start. */
export function readStartStatementText(text: string): Reading<StartStatement> {
  return readText(text, readStartStatement);
}

function readText<Statement>(text: string, read: (value: unknown) => Reading<Statement>): Reading<Statement> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { problems: ["it is not JSON"] };
  }
  return read(value);
}

function createReader(check: FieldCheck) {
  const object = (value: unknown, path: Path, keys: readonly string[]) => check.object(value, path, keys) ?? {};
  const expect = (fits: boolean, path: Path, what: string) => {
    if (!fits) check.report("FIELD_INVALID", path, `it must be ${what}`);
  };
  const constant = (value: unknown, path: Path, expected: string) => check.oneOf(value, path, [expected]);
  const digest = (value: unknown, path: Path) =>
    expect(typeof value === "string" && isDigest(value), path, "a SHA-256 in lowercase hex");
  const time = (value: unknown, path: Path) =>
    expect(typeof value === "string" && isTime(value), path, "a time in UTC with milliseconds");
  const nullable = (read: (value: unknown, path: Path) => unknown) => (value: unknown, path: Path) => {
    if (value !== null) read(value, path);
  };
  const each = (value: unknown, path: Path, read: (item: unknown, path: Path) => unknown) =>
    check.list(value, path)?.forEach((item, index) => read(item, [...path, index]));
  const text = (value: unknown, path: Path) => check.text(value, path);

  function digestSet(value: unknown, path: Path): void {
    digest(object(value, path, ["sha256"])["sha256"], [...path, "sha256"]);
  }

  function subject(value: unknown, path: Path): void {
    const item = object(value, path, ["name", "digest"]);
    text(item["name"], [...path, "name"]);
    digestSet(item["digest"], [...path, "digest"]);
  }

  function trigger(value: unknown, path: Path): void {
    const { kind, schedule, late } = object(value, path, ["kind", "schedule", "late"]);
    if (check.oneOf(kind, [...path, "kind"], ["manual", "schedule"]) === "manual") {
      expect(schedule === undefined && late === undefined, path, "without a schedule when it is manual");
    } else {
      text(schedule, [...path, "schedule"]);
      expect(typeof late === "boolean", [...path, "late"], "true or false");
    }
  }

  function buildDefinition(value: unknown, path: Path): void {
    const definition = object(value, path, [
      "buildType",
      "externalParameters",
      "internalParameters",
      "resolvedDependencies",
    ]);
    constant(definition["buildType"], [...path, "buildType"], RUN_BUILD_TYPE);
    const outer = [...path, "externalParameters"];
    const keys = ["workflow", "paramsDigest", "trigger", "plannedAt"];
    const external = object(definition["externalParameters"], outer, keys);
    text(external["workflow"], [...outer, "workflow"]);
    digest(external["paramsDigest"], [...outer, "paramsDigest"]);
    trigger(external["trigger"], [...outer, "trigger"]);
    time(external["plannedAt"], [...outer, "plannedAt"]);
    const inner = [...path, "internalParameters"];
    time(object(definition["internalParameters"], inner, ["createdAt"])["createdAt"], [...inner, "createdAt"]);
    dependencies(definition["resolvedDependencies"], [...path, "resolvedDependencies"]);
  }

  function dependencies(value: unknown, path: Path): void {
    const list = check.list(value, path) ?? [];
    expect(list.length >= 2, path, "a list that begins with the package and the snapshot");
    const code = object(list[0], [...path, 0], ["name", "digest", "annotations"]);
    constant(code["name"], [...path, 0, "name"], "package");
    digestSet(code["digest"], [...path, 0, "digest"]);
    const identity = object(code["annotations"], [...path, 0, "annotations"], ["name", "version"]);
    text(identity["name"], [...path, 0, "annotations", "name"]);
    text(identity["version"], [...path, 0, "annotations", "version"]);
    const frozen = object(list[1], [...path, 1], ["name", "digest"]);
    constant(frozen["name"], [...path, 1, "name"], "snapshot");
    digestSet(frozen["digest"], [...path, 1, "digest"]);
  }

  function runDetails(value: unknown, path: Path): void {
    const details = object(value, path, ["builder", "metadata"]);
    builder(details["builder"], [...path, "builder"]);
    const place = [...path, "metadata"];
    const metadata = object(details["metadata"], place, ["invocationId", "startedOn", "finishedOn"]);
    text(metadata["invocationId"], [...place, "invocationId"]);
    nullable(time)(metadata["startedOn"], [...place, "startedOn"]);
    time(metadata["finishedOn"], [...place, "finishedOn"]);
  }

  function startDetails(value: unknown, path: Path): void {
    const details = object(value, path, ["builder", "metadata"]);
    builder(details["builder"], [...path, "builder"]);
    const place = [...path, "metadata"];
    text(object(details["metadata"], place, ["invocationId"])["invocationId"], [...place, "invocationId"]);
  }

  function builder(value: unknown, path: Path): void {
    const engine = object(value, path, ["id", "version"]);
    text(engine["id"], [...path, "id"]);
    const names = ["cascade", "node", "platform"];
    const version = object(engine["version"], [...path, "version"], names);
    for (const name of names) text(version[name], [...path, "version", name]);
  }

  function outcome(value: unknown, path: Path): void {
    const end = object(value, path, ["status", "reason", "runNumber", "previousProof"]);
    check.oneOf(end["status"], [...path, "status"], endStates);
    nullable(text)(end["reason"], [...path, "reason"]);
    check.integer(end["runNumber"], [...path, "runNumber"], COUNT);
    nullable(digest)(end["previousProof"], [...path, "previousProof"]);
  }

  function task(value: unknown, path: Path): void {
    const item = object(value, path, [
      "id",
      "status",
      "attempts",
      "codeDigest",
      "inputDigest",
      "outputDigest",
      "skippedBecause",
    ]);
    text(item["id"], [...path, "id"]);
    check.oneOf(item["status"], [...path, "status"], taskEndStates);
    each(item["attempts"], [...path, "attempts"], attempt);
    for (const name of ["codeDigest", "inputDigest", "outputDigest"]) nullable(digest)(item[name], [...path, name]);
    nullable((names, place) => each(names, place, text))(item["skippedBecause"], [...path, "skippedBecause"]);
  }

  function attempt(value: unknown, path: Path): void {
    const item = object(value, path, [
      "n",
      "startedOn",
      "finishedOn",
      "status",
      "exitCode",
      "errorDigest",
      "recording",
    ]);
    check.integer(item["n"], [...path, "n"], COUNT);
    time(item["startedOn"], [...path, "startedOn"]);
    time(item["finishedOn"], [...path, "finishedOn"]);
    check.oneOf(item["status"], [...path, "status"], outcomes);
    nullable((code, place) => check.integer(code, place, INTEGERS))(item["exitCode"], [...path, "exitCode"]);
    nullable(digest)(item["errorDigest"], [...path, "errorDigest"]);
    if (item["recording"] !== undefined) digest(item["recording"], [...path, "recording"]);
  }

  function admission(value: unknown, path: Path): void {
    const fact = object(value, path, ["digest", "unsigned"]);
    nullable(digest)(fact["digest"], [...path, "digest"]);
    expect(typeof fact["unsigned"] === "boolean", [...path, "unsigned"], "true or false");
  }

  function predicateOf(value: unknown, predicateType: string, keys: readonly string[]): Record<string, unknown> {
    const statement = object(value, [], ["_type", "subject", "predicateType", "predicate"]);
    constant(statement["_type"], ["_type"], STATEMENT_TYPE);
    constant(statement["predicateType"], ["predicateType"], predicateType);
    each(statement["subject"], ["subject"], subject);
    return object(statement["predicate"], ["predicate"], keys);
  }

  return {
    statement(value: unknown): void {
      const keys = ["admission", "buildDefinition", "runDetails", "outcome", "start", "tasks"];
      const predicate = predicateOf(value, RUN_PREDICATE_TYPE, keys);
      if (predicate["admission"] !== undefined) admission(predicate["admission"], ["predicate", "admission"]);
      buildDefinition(predicate["buildDefinition"], ["predicate", "buildDefinition"]);
      runDetails(predicate["runDetails"], ["predicate", "runDetails"]);
      outcome(predicate["outcome"], ["predicate", "outcome"]);
      if (predicate["start"] !== undefined) digest(predicate["start"], ["predicate", "start"]);
      each(predicate["tasks"], ["predicate", "tasks"], task);
    },
    startStatement(value: unknown): void {
      const predicate = predicateOf(value, START_PREDICATE_TYPE, ["buildDefinition", "runDetails"]);
      buildDefinition(predicate["buildDefinition"], ["predicate", "buildDefinition"]);
      startDetails(predicate["runDetails"], ["predicate", "runDetails"]);
    },
  };
}

function isTime(text: string): boolean {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(text) && !Number.isNaN(Date.parse(text));
}
