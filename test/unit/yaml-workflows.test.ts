import { expect, it } from "vitest";
import { readYamlWorkflows } from "../../src/adapters/archive/yaml-workflows.ts";

it.each([
  ["  cron: */5 * * * *", 'Write cron: "*/5 * * * *"'],
  ["  cron: * * * * *", 'Write cron: "* * * * *"'],
  ["  - cron: */5 * * * *", 'Write - cron: "*/5 * * * *"'],
  ["  cron: @daily", 'Write cron: "@daily"'],
  ["  - */10 * * * *", 'Write - "*/10 * * * *"'],
])("says once that %j has to be quoted, and how", (line, hint) => {
  const { problems } = readYamlWorkflows("workflow.yaml", `name: a\non:\n${line}\ntasks:\n  x:\n    run: "true"\n`);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ code: "YAML_INVALID", hint });
  expect(problems[0]!.message).toMatch(/^a value that begins with [*@] has to be quoted$/);
  expect(problems[0]!.place).toMatch(/^workflow\.yaml:3:/);
});

it("leaves anchors and aliases that are whole alone", () => {
  const text = "name: a\ntasks:\n  x: &x\n    run: 'true'\n  y: *x\n";
  expect(readYamlWorkflows("workflow.yaml", text).problems).toEqual([]);
});
