import { afterEach, expect, test, vi } from "vitest";
import { createAlarm } from "../../../src/adapters/time/alarm.ts";
import { realClock } from "../../support/real-clock.ts";

afterEach(() => void vi.useRealTimers());

/** The timers and the clock that node-schedule sees. */
function fakeTime(): void {
  vi.useFakeTimers({
    now: Date.UTC(2026, 0, 1),
    toFake: ["setTimeout", "clearTimeout", "setImmediate", "clearImmediate", "Date"],
  });
}

test("an alarm rings once, at its instant", async () => {
  fakeTime();
  const alarm = createAlarm(realClock);
  const rung: number[] = [];
  const instant = Date.now() + 5_000;
  alarm.set(instant, () => rung.push(Date.now()));
  await vi.advanceTimersByTimeAsync(4_999);
  expect(rung).toEqual([]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(rung).toEqual([instant]);
});

test("an alarm for an instant that has passed rings at once, but not before set returns", async () => {
  fakeTime();
  const alarm = createAlarm(realClock);
  let rung = 0;
  alarm.set(Date.now() - 1, () => rung++);
  expect(rung).toBe(0);
  await vi.advanceTimersByTimeAsync(1);
  expect(rung).toBe(1);
});

test("setting an alarm again replaces its instant, and clearing it silences it", async () => {
  fakeTime();
  const alarm = createAlarm(realClock);
  const rung: string[] = [];
  alarm.set(Date.now() + 1_000, () => rung.push("first"));
  alarm.set(Date.now() + 2_000, () => rung.push("second"));
  await vi.advanceTimersByTimeAsync(3_000);
  expect(rung).toEqual(["second"]);
  alarm.set(Date.now() + 1_000, () => rung.push("third"));
  alarm.clear();
  alarm.set(Date.now(), () => rung.push("fourth"));
  alarm.clear();
  await vi.advanceTimersByTimeAsync(3_000);
  expect(rung).toEqual(["second"]);
});

test("an alarm far beyond the longest timer of Node neither rings at once nor is forgotten", async () => {
  fakeTime();
  const alarm = createAlarm(realClock);
  let rung = 0;
  alarm.set(Date.now() + 60 * 86_400_000, () => rung++);
  await vi.advanceTimersByTimeAsync(59 * 86_400_000);
  expect(rung).toBe(0);
  await vi.advanceTimersByTimeAsync(86_400_000);
  expect(rung).toBe(1);
});

test("an alarm that its timer wakes too early, because the clock was set back, waits for its instant", async () => {
  fakeTime();
  let back = 0;
  const alarm = createAlarm({ ...realClock, now: () => Date.now() - back });
  let rungAt = 0;
  const instant = Date.now() + 5_000;
  alarm.set(instant, () => (rungAt = Date.now() - back));
  back = 1;
  await vi.advanceTimersByTimeAsync(5_100);
  expect(rungAt).toBe(instant);
});

test("an alarm that is called off leaves no timer behind, although the clock was set back over it", async () => {
  fakeTime();
  let back = 0;
  const alarm = createAlarm({ ...realClock, now: () => Date.now() - back });
  alarm.set(Date.now() + 1_500, () => expect.fail("it rang"));
  await vi.advanceTimersByTimeAsync(500);
  back = 3_600_000;
  await vi.advanceTimersByTimeAsync(3_500);
  alarm.clear();
  expect(vi.getTimerCount()).toBe(0);
});

test("a clock that is set forward over an alarm is noticed within half a minute", async () => {
  fakeTime();
  let ahead = 0;
  const alarm = createAlarm({ ...realClock, now: () => Date.now() + ahead });
  let rung = 0;
  alarm.set(Date.now() + 86_400_000, () => rung++);
  await vi.advanceTimersByTimeAsync(1_000);
  ahead = 86_400_000;
  await vi.advanceTimersByTimeAsync(29_000);
  expect(rung).toBe(1);
});
