import type { ValidateFunction } from "ajv/dist/2020.js";
import type { DefinitionRules } from "../../domain/definition-check.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { definitionsError, manifestLimits, parseManifestForm } from "../../domain/manifest-check.ts";
import { isPlainSchema } from "../../domain/plain-schema.ts";
import type { JsonSchema } from "../../domain/workflow.ts";
import { invariant } from "../../kernel/assert.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Digest } from "../../kernel/digest.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { CheckedValue, Checks, SchemaMistake } from "../../ports/checks.ts";
import { createCheckThread, Unanswered } from "./check-thread.ts";
import { compileSchema } from "./compile-schema.ts";
import type { CheckAnswer, CheckRequest, ErrorFacts } from "./protocol.ts";
import { createSchemaRules } from "./schema-rules.ts";

/** A larger manifest takes more than ten milliseconds to be read, canonical form included. */
const INLINE_MANIFEST_BYTES = 128 * 1024;
const INLINE_SCHEDULES = 50;
/** Characters of JSON. A plain schema is linear in them. */
const INLINE_PARAMS_LENGTH = 64 * 1024;
/** Together less than the two seconds that a package may take. Reading four megabytes takes a third of a second on a quiet machine. */
const FORM_LIMIT_MS = 1_200;
const DEFINITIONS_LIMIT_MS = 700;
const PARAMS_LIMIT_MS = 250;
/** Compiled schemas that stay in memory. */
const COMPILED_MAX = 200;
/** A schema that ran out of time so often is not tried again. */
const TRIES_MAX = 2;

export interface ChecksOptions {
  calendar: Pick<DefinitionRules, "checkCron" | "checkTimezone">;
  clock: Pick<Clock, "after">;
  /** The program of the thread: `serveChecks`. */
  entry(): string;
}

export function createChecks({ calendar, clock, entry }: ChecksOptions): Checks {
  const thread = createCheckThread(entry, clock);
  const compiled = new Map<Digest, ValidateFunction | null>();
  const timeouts = new Map<Digest, number>();
  const quickRules: DefinitionRules = {
    ...createSchemaRules({ isQuick: true }),
    checkCron: (cron) => calendar.checkCron(cron),
    checkTimezone: (name) => calendar.checkTimezone(name),
  };

  async function askAboutPackage(request: CheckRequest, limitMs: number): Promise<CascadeError | undefined> {
    const answer = await answerAboutPackage(request, limitMs);
    if (answer instanceof CascadeError) return answer;
    return "error" in answer && answer.error ? errorOf(answer.error) : undefined;
  }

  async function answerAboutPackage(request: CheckRequest, limitMs: number): Promise<CheckAnswer | CascadeError> {
    try {
      return await thread.ask(request, { limitMs, urgent: false });
    } catch (error) {
      if (error instanceof Unanswered) {
        return new CascadeError("PACKAGE_TOO_COMPLEX", `the package cannot be checked: ${error.message}`);
      }
      throw error;
    }
  }

  /** Null: only the thread may hold values against it. */
  function validatorOf(key: Digest, schema: JsonSchema): ValidateFunction | null {
    const known = compiled.get(key);
    if (known !== undefined) return known;
    const validate = isPlainSchema(schema) ? compileSchema(schema, { allErrors: false }) : null;
    forgetOldest(compiled, COMPILED_MAX);
    compiled.set(key, validate);
    return validate;
  }

  async function askAboutParams(key: Digest, schema: JsonSchema, texts: readonly string[]) {
    const failed = timeouts.get(key) ?? 0;
    if (failed >= TRIES_MAX) throw timedOut("it took too long before");
    try {
      const request: CheckRequest = { kind: "params", schema: JSON.stringify(schema), texts };
      const answer = await thread.ask(request, { limitMs: PARAMS_LIMIT_MS, urgent: true });
      return "mistakes" in answer ? answer.mistakes : [];
    } catch (error) {
      if (!(error instanceof Unanswered)) throw error;
      forgetOldest(timeouts, COMPILED_MAX);
      timeouts.set(key, failed + 1);
      throw timedOut(error.message);
    }
  }

  return {
    async manifest(bytes) {
      if (bytes.length <= INLINE_MANIFEST_BYTES || bytes.length > manifestLimits.bytes) return parseManifestForm(bytes);
      const error = await askAboutPackage({ kind: "manifest", bytes }, FORM_LIMIT_MS);
      return error ? { error } : { manifest: JSON.parse(bytes.toString("utf8")) as Manifest };
    },

    async commands(fileName, bytes) {
      const answer = await answerAboutPackage({ kind: "commands", fileName, bytes }, FORM_LIMIT_MS);
      if (answer instanceof CascadeError) return { error: answer };
      if ("manifestBytes" in answer) return { manifestBytes: Buffer.from(answer.manifestBytes) };
      invariant("error" in answer && answer.error, "a file of commands has a manifest or an error");
      return { error: errorOf(answer.error) };
    },

    async definitions(manifest, manifestBytes) {
      const schedules = manifest.workflows.reduce((sum, workflow) => sum + workflow.schedules.length, 0);
      const isQuick =
        manifestBytes <= INLINE_MANIFEST_BYTES &&
        schedules <= INLINE_SCHEDULES &&
        manifest.workflows.every(({ params }) => params === null || isPlainSchema(params));
      // What is wrong is looked for once more, all of it and elsewhere.
      if (isQuick && !definitionsError(manifest, quickRules)) return undefined;
      return askAboutPackage({ kind: "definitions", manifest: JSON.stringify(manifest) }, DEFINITIONS_LIMIT_MS);
    },

    async params(key, schema, values) {
      const length = values.reduce((sum, { text }) => sum + text.length, 0);
      const validate = length <= INLINE_PARAMS_LENGTH ? validatorOf(key, schema) : null;
      const isDoubtful = ({ value }: CheckedValue) => !validate || !validate(value);
      const doubtful = values.filter(isDoubtful);
      if (doubtful.length === 0) return values.map(() => []);
      const texts = doubtful.map(({ text }) => text);
      const mistakes = await askAboutParams(key, schema, texts);
      const found = new Map<CheckedValue, readonly SchemaMistake[]>(
        doubtful.map((value, index) => [value, mistakes[index] ?? []]),
      );
      return values.map((value) => found.get(value) ?? []);
    },

    close: () => thread.close(),
  };
}

function errorOf({ code, message, hint, problems }: ErrorFacts): CascadeError {
  return new CascadeError(code, message, { hint, problems });
}

function timedOut(why: string): CascadeError {
  return new CascadeError(
    "PARAMS_CHECK_TIMEOUT",
    `the params cannot be held against the schema of the workflow: ${why}`,
  );
}

function forgetOldest<Value>(map: Map<Digest, Value>, max: number): void {
  if (map.size >= max) map.delete(map.keys().next().value!);
}
