import { afterEach, describe, expect, test } from "vitest";
import type { TaskHost } from "../../src/ports/task-host.ts";
import { attemptSpec, endOf, executeIn } from "../support/attempts.ts";
import { eventually } from "../support/eventually.ts";

export interface TaskHostUnderTest {
  host: TaskHost;
  close(): Promise<void>;
}

/**
 * What every task host promises. The host is made with two processes, a grace of at most 300 ms, and these tasks:
 * `ok` returns `{fine: true}`, `throws` fails with "no such thing", `neverEnds` does not, `heedsAbort` ends at its
 * abort signal, `waits` ends after `params.ms`.
 */
export function taskHostContract(name: string, create: () => TaskHostUnderTest): void {
  describe(`${name} keeps the promises of a task host`, () => {
    let made: TaskHostUnderTest | undefined;
    const make = () => (made = create()).host;
    const digest = attemptSpec().package.digest;
    afterEach(async () => {
      await made?.close();
      made = undefined;
    });

    test("an attempt starts, then ends once with its output", async () => {
      const attempt = executeIn(make(), attemptSpec());
      expect(attempt.calls).toEqual([]);
      expect(await attempt.answer).toEqual({
        outcome: "succeeded",
        output: { kind: "inline", json: '{"fine":true}' },
        failure: null,
        exitCode: null,
        readings: null,
      });
      expect(attempt.calls).toEqual(["started", "ended"]);
    });

    test("a task that throws fails with its message", async () => {
      const result = await endOf(executeIn(make(), attemptSpec({ task: "throws" })));
      expect(result).toMatchObject({ outcome: "failed", output: null, failure: { code: "TASK_FAILED" } });
      expect(result.failure?.message).toContain("no such thing");
    });

    test("a task that the code does not have fails with TASK_NOT_IN_BUNDLE", async () => {
      const result = await endOf(executeIn(make(), attemptSpec({ task: "missing" })));
      expect(result).toMatchObject({ outcome: "failed", failure: { code: "TASK_NOT_IN_BUNDLE" } });
    });

    test("a task that takes longer than its limit is timed out, whether it heeds the signal or not", async () => {
      const host = make();
      const results = await Promise.all(
        ["neverEnds", "heedsAbort"].map((task) => endOf(executeIn(host, attemptSpec({ task, timeoutMs: 50 })))),
      );
      for (const result of results) {
        expect(result).toMatchObject({ outcome: "timed_out", output: null, failure: { code: "TASK_TIMED_OUT" } });
      }
    });

    test("a cancelled attempt ends as cancelled, whether it heeds the signal or not", async () => {
      const host = make();
      for (const task of ["neverEnds", "heedsAbort"]) {
        const attempt = executeIn(host, attemptSpec({ task }));
        await attempt.started;
        host.cancel(attempt.spec.attemptId);
        host.cancel(attempt.spec.attemptId);
        expect(await attempt.answer).toMatchObject({ outcome: "cancelled", failure: { code: "TASK_CANCELLED" } });
        expect(attempt.calls).toEqual(["started", "ended"]);
      }
    });

    test("cancelling an attempt at once gives it back or ends it as cancelled, and nothing else", async () => {
      const host = make();
      const attempt = executeIn(host, attemptSpec({ task: "neverEnds" }));
      host.cancel(attempt.spec.attemptId);
      const answer = await attempt.answer;
      if (answer === "givenBack") expect(attempt.calls).toEqual(["givenBack"]);
      else expect(answer).toMatchObject({ outcome: "cancelled" });
    });

    test("cancelling what it does not hold changes nothing", async () => {
      const host = make();
      host.cancel("nobody");
      expect(await endOf(executeIn(host, attemptSpec()))).toMatchObject({ outcome: "succeeded" });
    });

    test("room shrinks with each attempt and is announced when it grows", async () => {
      const host = make();
      let announced = 0;
      host.onRoom(() => announced++);
      expect(host.room(digest, "shared")).toBe(2);
      const attempts = [1, 2].map(() => executeIn(host, attemptSpec({ task: "waits", params: '{"ms":200}' })));
      expect(host.room(digest, "shared")).toBe(0);
      expect(host.room(digest, "fresh")).toBe(0);
      await Promise.all(attempts.map((attempt) => attempt.started));
      expect(host.running()).toBe(2);
      await Promise.all(attempts.map((attempt) => attempt.answer));
      await eventually(() => announced > 0 && host.running() === 0);
      expect(host.room(digest, "shared")).toBeGreaterThanOrEqual(2);
    });

    test("room in processes that serve a package is part of its room, and none while it drains", async () => {
      const host = make();
      await executeIn(host, attemptSpec()).answer;
      await eventually(() => host.running() === 0);
      const { processes, idle, places } = host.warmRoom(digest);
      expect(idle).toBeLessThanOrEqual(processes);
      expect(places).toBeGreaterThanOrEqual(idle);
      expect(host.warmRoom("unknown")).toEqual({ processes: 0, idle: 0, places: 0 });
      host.drain();
      expect(host.warmRoom(digest).places).toBe(0);
    });

    test("what is more than it has room for is given back or runs later, and never lost", async () => {
      const host = make();
      const attempts = Array.from({ length: 40 }, () => executeIn(host, attemptSpec()));
      for (const attempt of attempts) {
        const answer = await attempt.answer;
        expect(attempt.calls).toEqual(answer === "givenBack" ? ["givenBack"] : ["started", "ended"]);
      }
    });

    test("a smaller size takes effect when attempts end, a larger one at once", async () => {
      const host = make();
      const attempts = [1, 2].map(() => executeIn(host, attemptSpec({ task: "waits", params: '{"ms":150}' })));
      await Promise.all(attempts.map((attempt) => attempt.started));
      host.resize(1);
      for (const attempt of attempts) expect(await attempt.answer).toMatchObject({ outcome: "succeeded" });
      await eventually(() => host.room(digest, "fresh") === 1);
      host.resize(3);
      expect(host.room(digest, "fresh")).toBe(3);
    });

    test("while draining it takes nothing and lets what runs end", async () => {
      const host = make();
      const running = executeIn(host, attemptSpec({ task: "waits", params: '{"ms":150}' }));
      await running.started;
      host.drain();
      expect(host.room(digest, "shared")).toBe(0);
      const refused = executeIn(host, attemptSpec());
      expect(await refused.answer).toBe("givenBack");
      expect(await running.answer).toMatchObject({ outcome: "succeeded" });
    });

    test("after stop no listener is called", async () => {
      const host = make();
      const attempt = executeIn(host, attemptSpec({ task: "neverEnds" }));
      await attempt.started;
      await host.stop(100);
      expect(attempt.calls).toEqual(["started"]);
      expect(host.running()).toBe(0);
    });
  });
}
