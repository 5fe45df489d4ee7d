import type { MessagePort } from "node:worker_threads";
import type { DefinitionRules } from "../../domain/definition-check.ts";
import type { Manifest } from "../../domain/manifest.ts";
import { definitionsError, formatManifest, parseManifestForm } from "../../domain/manifest-check.ts";
import type { JsonSchema } from "../../domain/workflow.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { compileSchema, mistakesOf } from "./compile-schema.ts";
import type { CheckAnswer, CheckRequest, ErrorFacts, ThreadMessage } from "./protocol.ts";
import { createSchemaRules } from "./schema-rules.ts";

export interface CheckTools {
  calendar: Pick<DefinitionRules, "checkCron" | "checkTimezone">;
  /** Makes a manifest of a file of commands, or throws what is wrong with it. */
  readCommands(bytes: Uint8Array, fileName: string, rules: DefinitionRules): Manifest;
}

/** The check thread: answers one request after the other. Whoever asks ends the thread when an answer takes too long. */
export function serveChecks(port: MessagePort, tools: CheckTools): void {
  const { calendar } = tools;
  const rules: DefinitionRules = {
    ...createSchemaRules({ isQuick: false }),
    checkCron: (cron) => calendar.checkCron(cron),
    checkTimezone: (name) => calendar.checkTimezone(name),
  };
  const tell = (message: ThreadMessage) => port.postMessage(message);
  port.on("message", (request: CheckRequest) => tell({ answer: answerTo(request, rules, tools) }));
  tell("ready");
}

function answerTo(request: CheckRequest, rules: DefinitionRules, tools: CheckTools): CheckAnswer {
  switch (request.kind) {
    case "manifest": {
      const parsed = parseManifestForm(request.bytes);
      return { error: "error" in parsed ? factsOf(parsed.error) : null };
    }
    case "definitions": {
      const error = definitionsError(JSON.parse(request.manifest) as Manifest, rules);
      return { error: error ? factsOf(error) : null };
    }
    case "commands":
      try {
        return { manifestBytes: formatManifest(tools.readCommands(request.bytes, request.fileName, rules)) };
      } catch (error) {
        if (error instanceof CascadeError) return { error: factsOf(error) };
        throw error;
      }
    case "params": {
      const schema = JSON.parse(request.schema) as JsonSchema;
      const validate = compileSchema(schema, { allErrors: true });
      return {
        mistakes: request.texts.map((text) => {
          const value: unknown = JSON.parse(text);
          return validate(value) ? [] : mistakesOf(validate, schema, value);
        }),
      };
    }
  }
}

function factsOf({ code, message, hint, problems }: CascadeError): ErrorFacts {
  return { code, message, hint, problems };
}
