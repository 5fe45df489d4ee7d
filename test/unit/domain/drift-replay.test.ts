import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { doubtedRuns, outputChanges, type SignedReplay } from "../../../src/domain/drift-replay.ts";
import { skippedReplay, type TaskReplay, taskReplayResults } from "../../../src/domain/replay.ts";
import { readReplay, type ReplayOutcome, replayStatementText } from "../../../src/domain/replay-statement.ts";
import { sha256 } from "../../../src/kernel/digest.ts";
import { statementFacts } from "../../support/ended-run.ts";

const own = { name: "pack", version: "1.0.0", digest: sha256("own") };
const other = { name: "pack", version: "2.0.0", digest: sha256("other") };
const run = { id: "run-1", workflow: "pack/flow", package: own };

type Told = Partial<Pick<TaskReplay, "pointer">> & Pick<TaskReplay, "id" | "result">;

function textOf(change: Partial<ReplayOutcome>, tasks: readonly Told[]): string {
  const outcome: ReplayOutcome = {
    run: run.id,
    workflow: run.workflow,
    proof: sha256("proof"),
    against: null,
    mask: [],
    isolation: "shims",
    result: "unknown",
    tasks: tasks.map((task) => ({ ...skippedReplay(task.id, "external"), ...task })),
    startedAt: 0,
    finishedAt: 0,
    ...change,
  };
  return replayStatementText(outcome, statementFacts());
}

function replayed(change: Partial<ReplayOutcome>, ...tasks: Told[]): SignedReplay {
  const text = textOf(change, tasks);
  return { digest: sha256(text), predicate: readReplay(text)! };
}
const same: Told = { id: "sum", result: "same" };
const different: Told = { id: "sum", result: "different", pointer: "/total" };
const lines = (...replays: SignedReplay[]) =>
  [...outputChanges(replays, run)].map(({ subject, message }) => `${subject}: ${message}`);

describe("the outputs of a run", () => {
  it.each<[string, (string | Told)[][], string[]]>([
    ["are the same", [["own", same]], []],
    ["are others", [["own", different]], ["pack/flow/sum: it ended otherwise, first at /total"]],
    ["are others as a whole", [["own", { ...different, pointer: "" }]], ["pack/flow/sum: it ended otherwise"]],
    [
      "are of a task that asked for more",
      [["own", { id: "sum", result: "diverged" }]],
      ["pack/flow/sum: it asked for what is not in its recording"],
    ],
    [
      "are the same since",
      [
        ["own", different],
        ["own", same],
      ],
      [],
    ],
    [
      "are others since",
      [
        ["own", same],
        ["own", different],
      ],
      ["pack/flow/sum: it ended otherwise, first at /total"],
    ],
    [
      "are not told by a replay that executed another task, or could not tell",
      [
        ["own", different],
        ["own", { id: "text", result: "same" }],
        ["own", { id: "sum", result: "impure" }],
        ["own", { id: "sum", result: "skipped" }],
      ],
      ["pack/flow/sum: it ended otherwise, first at /total"],
    ],
    ["are not told by other code", [["other", different]], []],
    [
      "are told by the run's own code, though it was named",
      [["named", different]],
      ["pack/flow/sum: it ended otherwise, first at /total"],
    ],
    ["are not told by the replay of another run", [["run-2", different]], []],
  ])("%s", (_, replays, expected) => {
    const signed = replays.map(([of, ...tasks]) => {
      const against = of === "other" ? other : of === "named" ? own : null;
      return replayed({ against, ...(of === "run-2" ? { run: "run-2" } : {}) }, ...(tasks as Told[]));
    });
    const shown = lines(...signed).map((line) => line.replace(/in replay [0-9a-f]{12} of run run-1 /, ""));
    expect(shown).toEqual(expected);
  });

  it("are named with the replay that counts", () => {
    const [first, last] = [replayed({}, different), replayed({ startedAt: 1 }, different)];
    expect(lines(first, last)).toEqual([
      `pack/flow/sum: in replay ${last.digest.slice(0, 12)} of run run-1 it ended otherwise, first at /total`,
    ]);
  });

  it("are doubted exactly where a task of the run has been told to differ", () => {
    const results = fc.array(fc.tuple(fc.constantFrom("run-1", "run-2"), fc.constantFrom(...taskReplayResults)));
    fc.assert(
      fc.property(results, (given) => {
        const replays = given.map(([id, result]) => replayed({ run: id }, { id: "sum", result }));
        const hasChanges = (id: string) => [...outputChanges(replays, { ...run, id })].length > 0;
        const doubted = doubtedRuns(replays);
        for (const id of ["run-1", "run-2"]) if (hasChanges(id)) expect(doubted).toContain(id);
        const others = given.filter(([, result]) => result === "different" || result === "diverged");
        expect(doubted[0]).toBe(others.at(-1)?.[0]);
      }),
    );
  });
});

describe("a statement", () => {
  it("is read when it is about a replay, and no other, whatever is in it", () => {
    const text = textOf({ against: other }, [different]);
    expect(readReplay(text)).toMatchObject({ against: other, of: { run: "run-1" }, tasks: [{ id: "sum" }] });
    expect(readReplay("{}")).toBeUndefined();
    expect(readReplay("not JSON")).toBeUndefined();
    for (const [from, to] of [
      ["replay:v1", "replay:v2"],
      ['"different"', '"indifferent"'],
      [other.digest, "x"],
      ['"workflow":"pack/flow"', '"workflow":1'],
      ['"pointer":"/total"', '"pointer":[]'],
      ['"tasks":[{', '"tasks":[null,{'],
    ]) {
      expect(text).toContain(from);
      expect(readReplay(text.replaceAll(from!, to!)), from).toBeUndefined();
    }
  });
});
