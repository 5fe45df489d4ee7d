import { EventEmitter } from "node:events";
import { describe, expect, test } from "vitest";
import { installSignals } from "../../../src/daemon/signals.ts";
import { createTerminal } from "../../../src/daemon/terminal.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";

function daemon() {
  const source = new EventEmitter();
  const asked: string[] = [];
  const clock = createFakeClock();
  const state = { attached: false, finishReload: [] as (() => void)[], failReload: false };
  const target = {
    drain: (signal: string) => void asked.push(`drain ${signal}`),
    kill: (signal: string) => void asked.push(`kill ${signal}`),
    async reload() {
      asked.push("reload");
      if (state.failReload) throw new Error("bad configuration");
      await new Promise<void>((resolve) => state.finishReload.push(resolve));
    },
  };
  return {
    asked,
    clock,
    state,
    source,
    install: () =>
      installSignals(
        source,
        target,
        createTerminal(() => state.attached),
        clock,
      ),
    async signal(name: string) {
      source.emit(name);
      await settle();
    },
    async reloaded() {
      state.finishReload.shift()?.();
      await settle();
    },
  };
}

describe("SIGTERM and SIGINT", () => {
  test.each(["SIGTERM", "SIGINT"])(
    "%s drains, the second signal kills, and further ones change nothing",
    async (name) => {
      const { asked, clock, install, signal } = daemon();
      install();
      for (const _ of [1, 2, 3, 4]) {
        await signal(name);
        await clock.advance(200);
      }
      expect(asked).toEqual([`drain ${name}`, `kill ${name}`]);
    },
  );

  test("count together", async () => {
    const { asked, clock, install, signal } = daemon();
    install();
    await signal("SIGINT");
    await clock.advance(200);
    await signal("SIGTERM");
    expect(asked).toEqual(["drain SIGINT", "kill SIGTERM"]);
  });

  test.each(["SIGTERM", "SIGINT"])(
    "%s that arrives twice at once is one request, and one that comes later is the second",
    async (name) => {
      const { asked, clock, install, signal } = daemon();
      install();
      await signal(name);
      await clock.advance(20);
      await signal(name);
      expect(asked).toEqual([`drain ${name}`]);
      await clock.advance(300);
      await signal(name);
      expect(asked).toEqual([`drain ${name}`, `kill ${name}`]);
    },
  );
});

describe("SIGHUP", () => {
  test("reloads, and signals during a reload become exactly one more", async () => {
    const { asked, install, signal, reloaded } = daemon();
    install();
    for (const _ of [1, 2, 3]) await signal("SIGHUP");
    expect(asked).toEqual(["reload"]);
    await reloaded();
    expect(asked).toEqual(["reload", "reload"]);
    await reloaded();
    expect(asked).toEqual(["reload", "reload"]);
    await signal("SIGHUP");
    expect(asked).toHaveLength(3);
  });

  test("works again after a reload that failed", async () => {
    const { asked, state, install, signal } = daemon();
    install();
    state.failReload = true;
    await signal("SIGHUP");
    await signal("SIGHUP");
    expect(asked).toEqual(["reload", "reload"]);
  });

  test("during a drain does nothing, and a reload that was due is dropped", async () => {
    const { asked, install, signal, reloaded } = daemon();
    install();
    await signal("SIGHUP");
    await signal("SIGHUP");
    await signal("SIGTERM");
    await signal("SIGHUP");
    await reloaded();
    expect(asked).toEqual(["reload", "drain SIGTERM"]);
  });

  test("is a drain when the terminal that the daemon was started on has gone", async () => {
    const { asked, state, install, signal } = daemon();
    state.attached = true;
    install();
    await signal("SIGHUP");
    expect(asked).toEqual(["reload"]);
    state.attached = false;
    await signal("SIGHUP");
    expect(asked).toEqual(["reload", "drain SIGHUP"]);
  });

  test("reloads a daemon that lost its terminal long ago without being told", async () => {
    const { asked, clock, state, install, signal } = daemon();
    state.attached = true;
    install();
    state.attached = false;
    await clock.advance(60_000);
    expect(clock.pending()).toBe(0);
    await signal("SIGHUP");
    expect(asked).toEqual(["reload"]);
  });
});

test("a daemon without a terminal sets no timer, and after the uninstall nothing listens", async () => {
  const { asked, clock, source, install, signal } = daemon();
  const uninstall = install();
  expect(clock.pending()).toBe(0);
  uninstall();
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP"]) {
    expect(source.listenerCount(name)).toBe(0);
    await signal(name);
  }
  expect(asked).toEqual([]);
});
