import { describe, expect, it } from "vitest";
import { statementOf, statementText } from "../../src/domain/statement.ts";
import { readStatement } from "../../src/domain/statement-check.ts";
import { canonicalBytes } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { snapshot, task } from "../support/definitions.ts";
import { endedRun, inline, statementFacts } from "../support/ended-run.ts";
import type { Parsed } from "../support/parsed.ts";

const chain = snapshot([task("zeta"), task("alpha", { after: ["zeta"] }), task("mid", { after: ["zeta", "alpha"] })]);

describe("the statement about an ended run", () => {
  it("names each output by the digest of its stored text, sorted by task", () => {
    const artifact = { kind: "artifact" as const, digest: "a".repeat(64), size: 70_000 };
    const run = endedRun(chain, { zeta: { kind: "inline", json: '{"n": 1}' }, alpha: inline(2), mid: artifact });
    const { subject, predicate } = statementOf(run, statementFacts());
    expect(subject).toEqual([
      { name: "output/alpha", digest: { sha256: sha256("2") } },
      { name: "output/mid", digest: { sha256: artifact.digest } },
      { name: "output/zeta", digest: { sha256: sha256('{"n": 1}') } },
    ]);
    expect(predicate.tasks.map(({ id }) => id)).toEqual(["alpha", "mid", "zeta"]);
    expect(predicate.outcome).toEqual({ status: "succeeded", reason: null, runNumber: 1, previousProof: null });
  });

  it("names a run without outputs by the digest of its predicate", () => {
    const statement = statementOf(endedRun(chain, {}), statementFacts());
    expect(statement.subject).toEqual([
      {
        name: "run/01890a5d-ac96-774b-bcce-b302099a8057",
        digest: { sha256: sha256(canonicalBytes(statement.predicate)) },
      },
    ]);
  });

  it("says why a run failed and which direct upstream made a task be skipped", () => {
    const { predicate } = statementOf(endedRun(chain, { zeta: inline(1) }), statementFacts());
    expect(predicate.outcome).toMatchObject({ status: "failed", reason: "TASK_FAILED" });
    const [alpha, mid, zeta] = predicate.tasks;
    expect(alpha).toMatchObject({ status: "failed", outputDigest: null, skippedBecause: null });
    expect(alpha!.attempts[0]!.errorDigest).toBe(
      sha256(canonicalBytes({ code: "TASK_FAILED", message: "it did not work" })),
    );
    expect(mid).toMatchObject({ status: "skipped", attempts: [], inputDigest: null, skippedBecause: ["alpha"] });
    expect(zeta!.attempts).toEqual([
      {
        n: 1,
        startedOn: "2026-03-01T23:59:58.200Z",
        finishedOn: "2026-03-01T23:59:58.300Z",
        status: "succeeded",
        exitCode: null,
        errorDigest: null,
      },
    ]);
  });

  it("names the recording of an attempt that left one, in RFC 8785 bytes still", () => {
    const recording = sha256("recording");
    const run = endedRun(chain, { zeta: inline(1) }, {}, { zeta: recording });
    const statement = statementOf(run, statementFacts());
    const attempts = statement.predicate.tasks.flatMap((task) => task.attempts);
    expect(attempts.map((attempt) => attempt.recording)).toEqual([undefined, recording]);
    expect(statementText(statement)).toBe(canonicalBytes(statement).toString("utf8"));
    expect(readStatement(statement)).toEqual({ statement });
    Object.assign(attempts.at(-1)!, { recording: "of no digest" });
    expect(readStatement(statement)).toMatchObject({ problems: [expect.stringContaining("recording")] });
  });

  it("binds a task's input to the params and to the outputs of its upstream", () => {
    const run = endedRun(chain, { zeta: inline(1), alpha: inline(2), mid: inline(3) });
    const { predicate } = statementOf(run, statementFacts());
    const expected = { params: sha256(run.params), upstream: { zeta: sha256("1"), alpha: sha256("2") } };
    expect(predicate.tasks[1]!.inputDigest).toBe(sha256(canonicalBytes(expected)));
    expect(predicate.buildDefinition.externalParameters.paramsDigest).toBe(sha256(run.params));
  });

  it("names package, snapshot and the code of each task", () => {
    const { predicate } = statementOf(endedRun(chain, {}), statementFacts());
    expect(predicate.buildDefinition.resolvedDependencies).toEqual([
      { name: "package", digest: { sha256: "0".repeat(64) }, annotations: { name: "pack", version: "1.0.0" } },
      { name: "snapshot", digest: { sha256: chain.digest } },
    ]);
    expect(predicate.tasks.map(({ codeDigest }) => codeDigest)).toEqual([
      chain.code["alpha"],
      chain.code["mid"],
      chain.code["zeta"],
    ]);
  });

  it("holds nothing of params, outputs and error messages in clear", () => {
    const secret = "correct horse battery staple";
    const run = endedRun(chain, { zeta: inline(secret) }, { params: JSON.stringify({ secret }), key: secret });
    const failing = { ...run, tasks: new Map(run.tasks) };
    const alpha = run.tasks.get("alpha")!;
    const failure = { code: "TASK_FAILED", message: secret, hint: secret, stack: secret };
    failing.tasks.set("alpha", { ...alpha, failure, attempts: alpha.attempts.map((a) => ({ ...a, failure })) });
    expect(statementText(statementOf(failing, statementFacts()))).not.toContain("horse");
  });

  it.each([
    ["params nested too deeply for canonical JSON", { params: "[".repeat(100) + "]".repeat(100) }],
    ["params that hold half of a surrogate pair", { params: '"\ud800"' }],
  ])("can be made of %s, so that such a run can end", (_what, change) => {
    const run = endedRun(chain, {}, change);
    expect(() => statementText(statementOf(run, statementFacts()))).not.toThrow();
  });

  it("can be made of an error whose message holds half of a surrogate pair", () => {
    const run = endedRun(chain, {});
    const zeta = run.tasks.get("zeta")!;
    const failure = { code: "TASK_FAILED", message: "\udc00", hint: "" };
    run.tasks.set("zeta", { ...zeta, attempts: zeta.attempts.map((attempt) => ({ ...attempt, failure })) });
    const { predicate } = statementOf(run, statementFacts());
    expect(predicate.tasks[2]!.attempts[0]!.errorDigest).toBe(
      sha256(canonicalBytes({ code: "TASK_FAILED", message: "\ufffd" })),
    );
  });

  it("refuses a run that has not ended", () => {
    const run = endedRun(chain, {});
    run.head = { ...run.head, state: "running", endedAt: null };
    expect(() => statementOf(run, statementFacts())).toThrow("has ended");
  });
});

describe("reading a statement", () => {
  const made = () => structuredClone(statementOf(endedRun(chain, { zeta: inline(1) }), statementFacts())) as Parsed;

  it("takes what is made, with and without a schedule", () => {
    const trigger = { kind: "schedule" as const, schedule: "pack/flow/nightly", late: true };
    const byHand = made();
    const bySchedule = statementOf(endedRun(chain, {}, { trigger }), statementFacts());
    expect(readStatement(byHand)).toEqual({ statement: byHand });
    expect(readStatement(bySchedule)).toEqual({ statement: bySchedule });
  });

  it("leaves fields of a later version alone", () => {
    const later = made();
    later.predicate.replay = { of: "x" };
    expect(readStatement(later)).toEqual({ statement: later });
  });

  it("takes statements from before packages were admitted", () => {
    const former = made();
    delete former.predicate.admission;
    expect(readStatement(former)).toEqual({ statement: former });
  });

  it.each<[string, (statement: Parsed) => void]>([
    ["_type", (s) => (s._type = "https://in-toto.io/Statement/v2")],
    ["predicateType", (s) => delete s.predicateType],
    ["subject[0].digest.sha256", (s) => (s.subject[0].digest.sha256 = "AB")],
    ["predicate.admission.digest", (s) => (s.predicate.admission.digest = "x")],
    ["predicate.admission.unsigned", (s) => delete s.predicate.admission.unsigned],
    ["predicate.outcome.runNumber", (s) => (s.predicate.outcome.runNumber = 0)],
    ["predicate.outcome.runNumber", (s) => (s.predicate.outcome.runNumber = 1.5)],
    ["predicate.outcome.status", (s) => (s.predicate.outcome.status = "running")],
    ["predicate.outcome.previousProof", (s) => delete s.predicate.outcome.previousProof],
    ["predicate.tasks", (s) => (s.predicate.tasks = {})],
    ["predicate.tasks[0]", (s) => (s.predicate.tasks[0] = null)],
    ["predicate.tasks[0].attempts[0].exitCode", (s) => (s.predicate.tasks[0].attempts[0].exitCode = "0")],
    ["predicate.tasks[0].attempts[0].startedOn", (s) => (s.predicate.tasks[0].attempts[0].startedOn = "today")],
    ["predicate.tasks[1].skippedBecause[0]", (s) => (s.predicate.tasks[1].skippedBecause = [1])],
    ["predicate.buildDefinition.buildType", (s) => (s.predicate.buildDefinition.buildType = "x")],
    [
      "predicate.buildDefinition.resolvedDependencies[1].name",
      (s) => s.predicate.buildDefinition.resolvedDependencies.reverse(),
    ],
    [
      "predicate.buildDefinition.externalParameters.trigger",
      (s) => (s.predicate.buildDefinition.externalParameters.trigger.late = true),
    ],
    ["predicate.runDetails.builder.id", (s) => (s.predicate.runDetails.builder = null)],
    [
      "predicate.runDetails.metadata.finishedOn",
      (s) => (s.predicate.runDetails.metadata.finishedOn = "2026-13-01T00:00:00.000Z"),
    ],
  ])("names %s when that is wrong", (place, spoil) => {
    const statement = made();
    spoil(statement);
    const reading = readStatement(statement);
    expect("problems" in reading && reading.problems.some((text) => text.startsWith(`${place}:`)), place).toBe(true);
  });

  it.each([[null], ["text"], [[]], [{}]])("refuses %j", (value) => {
    expect(readStatement(value)).toHaveProperty("problems");
  });
});
