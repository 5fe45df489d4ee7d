import { describe, expect, test } from "vitest";
import { createNotifier } from "../../../src/daemon/notify.ts";
import { silentLogger } from "../../../src/kernel/logger.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";

function notifier(environment: Record<string, string>, send?: (variables: readonly string[]) => Promise<void>) {
  const sent: (readonly string[])[] = [];
  const warned: string[] = [];
  const clock = createFakeClock();
  const made = createNotifier({
    environment,
    pid: 42,
    clock,
    logger: { ...silentLogger, warn: (_fields, message) => void warned.push(message) },
    monotonicUs: () => 123n,
    send: send ?? (async (variables) => void sent.push(variables)),
  });
  return { sent, warned, clock, notifier: made };
}

const LISTENING = { NOTIFY_SOCKET: "/run/systemd/notify" };

describe("messages", () => {
  test("say what sd_notify asks for, one after the other in the order of the calls", async () => {
    const order: string[] = [];
    const { notifier: made } = notifier(LISTENING, async (variables) => {
      order.push(`begin ${variables[0]}`);
      await settle();
      order.push(`end ${variables[0]}`);
    });
    made.ready("watching 2 folders");
    made.reloading();
    made.ready("watching 3 folders");
    await made.settled();
    expect(order).toEqual([
      "begin READY=1",
      "end READY=1",
      "begin RELOADING=1",
      "end RELOADING=1",
      "begin READY=1",
      "end READY=1",
    ]);
  });

  test("carry status, the monotonic time of a reload, and a stop that may take longer than the drain", async () => {
    const { sent, notifier: made } = notifier(LISTENING);
    made.status("two\nlines");
    made.reloading();
    made.stopping(600_000);
    await made.settled();
    expect(sent).toEqual([
      ["STATUS=two lines"],
      ["RELOADING=1", "MONOTONIC_USEC=123", "STATUS=reloading"],
      ["STOPPING=1", "EXTEND_TIMEOUT_USEC=630000000", "STATUS=draining"],
    ]);
  });

  test("are not sent without a manager", async () => {
    const { sent, clock, notifier: made } = notifier({ WATCHDOG_USEC: "1000000" });
    made.ready("x");
    made.watchdog(async () => true);
    await made.settled();
    expect(sent).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  test("that fail are reported once and do not stop later ones", async () => {
    let calls = 0;
    const { warned, notifier: made } = notifier(LISTENING, async () => {
      calls++;
      throw new Error("no such program");
    });
    made.ready("x");
    made.status("y");
    await made.settled();
    expect(calls).toBe(2);
    expect(warned).toHaveLength(1);
  });
});

describe("the watchdog", () => {
  const watched = { ...LISTENING, WATCHDOG_USEC: "10000000", WATCHDOG_PID: "42" };

  test("is told twice per interval while the beat is true, and not while it is not", async () => {
    const { sent, clock, notifier: made } = notifier(watched);
    let alive = true;
    const end = made.watchdog(async () => alive);
    await clock.advance(14_999);
    expect(sent).toHaveLength(3);
    alive = false;
    await clock.advance(10_000);
    expect(sent).toHaveLength(3);
    alive = true;
    await clock.advance(5_000);
    expect(sent).toHaveLength(4);
    end();
    await clock.advance(20_000);
    expect(sent).toHaveLength(4);
    expect(clock.pending()).toBe(0);
  });

  test("hears nothing while a beat hangs or fails", async () => {
    const { sent, clock, notifier: made } = notifier(watched);
    const end = made.watchdog(() => Promise.reject(new Error("broken")));
    await clock.advance(20_000);
    end();
    made.watchdog(() => new Promise(() => {}));
    await clock.advance(60_000);
    expect(sent).toEqual([]);
  });

  test.each([{ WATCHDOG_PID: "7" }, { WATCHDOG_USEC: "0" }, { WATCHDOG_USEC: "soon" }])(
    "does not watch this process with %j",
    async (given) => {
      const { clock, notifier: made } = notifier({ ...watched, ...given });
      made.watchdog(async () => true);
      await settle();
      expect(clock.pending()).toBe(0);
    },
  );
});
