import { describe, expect, it } from "vitest";
import {
  judgeReplay,
  type Replayed,
  replayResultOf,
  type SkipReason,
  skippedReplay,
  type TaskEnd,
} from "../../../src/domain/replay.ts";
import { sha256 } from "../../../src/kernel/digest.ts";

const where = { id: "task", attempt: 2, recording: sha256("recording") };
const output = (value: unknown): TaskEnd => ({ kind: "output", json: JSON.stringify(value) });
const failure = (message: string): TaskEnd => ({ kind: "failure", code: "TASK_FAILED", message });
const replayed = (end: TaskEnd, change: Partial<Replayed> = {}): Replayed => ({
  end,
  diverged: null,
  impure: [],
  ...change,
});
const judge = (was: TaskEnd, is: TaskEnd, mask: readonly string[] = []) =>
  judgeReplay(where, { end: was, impure: [] }, replayed(is), mask);

describe("a task that was executed again", () => {
  it("is the same when its output is the same text, by the digest that the proof has", () => {
    const text = JSON.stringify({ b: 1, a: [null] });
    expect(judge(output({ b: 1, a: [null] }), output({ b: 1, a: [null] }))).toEqual({
      ...where,
      result: "same",
      skipped: null,
      expected: sha256(text),
      found: sha256(text),
      pointer: null,
      diverged: null,
      impure: [],
    });
  });

  it.each([
    ["a member", { a: { b: 1, c: 2 } }, { a: { b: 1, c: 3 } }, "/a/c"],
    ["a longer list", [1, 2], [1, 2, 3], "/2"],
    ["a member too few", { a: 1, b: 2 }, { a: 1 }, "/b"],
    ["an order of members", { a: 1, b: 2 }, { b: 2, a: 1 }, "/a"],
    ["another kind", { a: [] }, { a: {} }, "/a"],
    ["a key to be escaped", { "x/y~z": 1 }, { "x/y~z": 2 }, "/x~1y~0z"],
    ["the whole", 1, 2, ""],
  ])("differs at the first place: %s", (_, was, is, pointer) => {
    expect(judge(output(was), output(is))).toMatchObject({ result: "different", pointer });
  });

  it("is the same where only what the mask names differs", () => {
    const [was, is] = [
      output({ at: 1, list: [{ id: "x", n: 1 }], n: 1 }),
      output({ at: 2, list: [{ id: "y", n: 1 }], n: 1 }),
    ];
    expect(judge(was, is, ["/at"])).toMatchObject({ result: "different", pointer: "/list/0/id" });
    const masked = judge(was, is, ["/at", "/list/0/id", "/not/there"]);
    expect(masked).toMatchObject({ result: "same", expected: sha256('{"list":[{"n":1}],"n":1}') });
    expect(masked.found).toBe(masked.expected);
  });

  it("fails the same with the same code and message, and no output is a failure", () => {
    expect(judge(failure("no"), failure("no"))).toMatchObject({ result: "same" });
    expect(judge(failure("no"), failure("yes"))).toMatchObject({ result: "different", pointer: "/message" });
    const alike = output({ code: "TASK_FAILED", message: "no" });
    expect(judge(failure("no"), alike)).toMatchObject({ result: "different", pointer: "" });
  });

  it("has diverged, whatever it returned, when it was refused something", () => {
    const end = output(1);
    const judged = judgeReplay(where, { end, impure: [] }, replayed(end, { diverged: "fetch https://x" }), []);
    expect(judged).toMatchObject({ result: "diverged", diverged: "fetch https://x" });
  });

  it("is impure when something beside the recording was read, then or now", () => {
    const end = output(1);
    const judged = judgeReplay(where, { end, impure: ["env B"] }, replayed(end, { impure: ["env A", "env B"] }), []);
    expect(judged).toMatchObject({ result: "impure", impure: ["env A", "env B"] });
  });
});

describe("a replay as a whole", () => {
  const same = judge(output(1), output(1));
  const different = judge(output(1), output(2));
  const impure = judgeReplay(where, { end: output(1), impure: ["x"] }, replayed(output(1)), []);
  const skipped = (reason: SkipReason) => skippedReplay("other", reason);

  it.each([
    ["same", [same, same]],
    ["same", [same, skipped("not_run")]],
    ["different", [same, different, impure]],
    ["unknown", [same, impure]],
    ["unknown", [same, skipped("external")]],
    ["unknown", [skipped("not_run")]],
    ["unknown", []],
  ] as const)("is %s", (result, tasks) => {
    expect(replayResultOf(tasks)).toBe(result);
  });
});
