import { readAuthoredDefinition } from "../../domain/authored-definition.ts";
import { checkDefinition, type DefinitionRules } from "../../domain/definition-check.ts";
import { createFieldCheck } from "../../domain/field-check.ts";
import type { WorkflowDefinition } from "../../domain/workflow.ts";
import { type Problem, problem } from "../../kernel/errors.ts";
import { readYamlWorkflows } from "./yaml-workflows.ts";

/**
 * Reads workflows of shell commands: one for each document of the text. `file` is what places call it. The workflow of a
 * single document takes `defaultName` where it has none.
 */
export function readCommands(
  file: string,
  text: string,
  rules: DefinitionRules,
  defaultName?: string,
): { workflows: readonly WorkflowDefinition[]; problems: readonly Problem[] } {
  const { workflows: written, problems } = readYamlWorkflows(file, text);
  const readings = written.map(({ value, placeOf, nameOf }) => {
    const check = createFieldCheck(placeOf, nameOf);
    const named = written.length === 1 ? withName(value, defaultName) : value;
    const definition = readAuthoredDefinition(named, "command", rules, check);
    if (definition) checkDefinition(definition, rules, check);
    return { definition, problems: check.problems };
  });
  const none =
    written.length > 0 || problems.length > 0 ? [] : [problem("PACK_NO_WORKFLOW", file, `${file} has no workflow`)];
  return {
    workflows: readings.flatMap(({ definition }) => definition ?? []),
    problems: [...problems, ...readings.flatMap((reading) => reading.problems), ...none],
  };
}

function withName(value: unknown, name: string | undefined): unknown {
  const isUnnamed = typeof value === "object" && value !== null && !Array.isArray(value) && !("name" in value);
  return isUnnamed && name !== undefined ? { ...value, name } : value;
}
