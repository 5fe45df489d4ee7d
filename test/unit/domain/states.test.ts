import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { firingDecisions, scheduleStates } from "../../../src/domain/schedule.ts";
import { outcomes, runStates, taskRunStates } from "../../../src/domain/run.ts";
import { overlapKinds } from "../../../src/domain/workflow.ts";

const sql = readFileSync(new URL("../../../src/adapters/sqlite/migrations/0001_initial.sql", import.meta.url), "utf8");
const page = readFileSync(new URL("../../../docs/lifecycle.md", import.meta.url), "utf8");

/** The values that a column's CHECK allows. */
function allowedIn(table: string, column: string): string[] {
  const body = sql.split(`CREATE TABLE ${table} (`)[1]!.split("\n) STRICT")[0]!;
  const check = new RegExp(`CHECK \\(${column} IN \\(([^)]*)\\)\\)`).exec(body)![1]!;
  return check.split(",").map((value) => value.trim().replaceAll("'", ""));
}

/** The first column of the table below a heading. */
function documented(heading: string): string[] {
  const section = page.split(`## ${heading}\n`)[1]!.split("\n## ")[0]!;
  return [...section.matchAll(/^\| `([a-z_]+)` \|/gm)].map((match) => match[1]!);
}

describe("states are the same everywhere", () => {
  it.each([
    ["runs", "state", runStates],
    ["task_runs", "state", taskRunStates],
    ["attempts", "outcome", outcomes],
    ["schedules", "state", scheduleStates],
    ["schedules", "overlap", overlapKinds],
    ["firings", "decision", firingDecisions],
  ])("in the table %s, column %s, and in the code", (table, column, states) => {
    expect(allowedIn(table, column)).toEqual([...states]);
  });

  it.each([
    ["Run", runStates],
    ["Task run", taskRunStates],
    ["Outcome of an attempt", outcomes],
  ])("in docs/lifecycle.md under %s and in the code", (heading, states) => {
    expect(documented(heading)).toEqual([...states]);
  });
});
