import { describe, expect, it } from "vitest";
import type { AnchorRecord } from "../../../src/domain/anchor.ts";
import type { TlogHead } from "../../../src/domain/tlog.ts";
import { CascadeError } from "../../../src/kernel/errors.ts";
import type { Json } from "../../../src/kernel/json.ts";
import { silentLogger } from "../../../src/kernel/logger.ts";
import type { Anchor, Anchoring, HeadToAnchor } from "../../../src/ports/anchor.ts";
import { createAnchorer } from "../../../src/proofs/anchorer.ts";
import { createFakeClock, settle } from "../../support/fake-clock.ts";
import { growingLog } from "../../support/growing-log.ts";

type Step = (head: HeadToAnchor, progress: Json, signal: AbortSignal) => Promise<Anchoring>;

/** An anchor whose steps the test decides. */
function anchorThat(name: string, step: Step, everyMs = 60_000): Anchor & { seen: number[] } {
  const anchor = {
    name,
    kind: "tsa" as const,
    everyMs,
    seen: [] as number[],
    step(head: HeadToAnchor, progress: Json, signal: AbortSignal) {
      anchor.seen.push(head.size);
      return step(head, progress, signal);
    },
  };
  return anchor;
}

const good: Step = async () => ({ done: true, receipt: Buffer.from("seen") });
const bad: Step = async () => {
  throw new CascadeError("ANCHOR_UNREACHABLE", "nobody is there");
};
const hanging: Step = () => new Promise<never>(() => undefined);

async function room(...anchors: readonly Anchor[]) {
  const clock = createFakeClock();
  const log = growingLog();
  const heads: TlogHead[] = [];
  const records: AnchorRecord[] = [];
  const files = new Map<string, string>();
  const rolledBack: string[] = [];
  const disk = { isBarred: false };
  const anchorer = createAnchorer({
    anchors,
    store: {
      tlog: async () => log.tlog,
      lastHead: async () => heads.at(-1),
      headOver: async (_origin, size) => heads.find((head) => head.size >= size),
      anchors: async () => records,
      anchorsOver: async () => [],
    },
    files: log.files,
    receipts: {
      async write(written) {
        if (disk.isBarred) throw new CascadeError("IO_FAILED", "no space left");
        for (const { name, bytes } of written) files.set(name, Buffer.from(bytes).toString());
      },
    },
    writer: {
      async submit(change) {
        if (change.type !== "record_anchor") throw new Error(`a ${change.type} was not expected`);
        const { record } = change;
        const others = records.filter(
          ({ name, state }) => name !== record.name || (state === "anchored" && record.state !== "anchored"),
        );
        records.splice(0, records.length, ...others, record);
        return { ok: true };
      },
    },
    clock,
    logger: silentLogger,
    onRolledBack: ({ message }) => rolledBack.push(message),
  });
  return {
    anchorer,
    clock,
    files,
    rolledBack,
    disk,
    of: (name: string) => records.filter((record) => record.name === name),
    async grow(count: number) {
      heads.push(await log.grow(count));
      anchorer.headSigned();
      await settle();
    },
  };
}

describe("an anchor", () => {
  it("sees the first head at once, and then no more than one in its interval", async () => {
    const anchor = anchorThat("one", good);
    const { anchorer, clock, grow, of, files } = await room(anchor);
    await anchorer.start();
    await grow(2);
    expect(anchor.seen).toEqual([2]);
    expect(of("one")).toMatchObject([{ size: 2, state: "anchored", receipt: "log.test/2/one.tsr" }]);
    expect([...files.keys()]).toEqual(["log.test/2/checkpoint", "log.test/2/one.tsr"]);
    await grow(3);
    await grow(1);
    expect(anchor.seen).toEqual([2]);
    await clock.advance(60_000);
    expect(anchor.seen).toEqual([2, 6]);
    await clock.advance(600_000);
    expect(anchor.seen).toEqual([2, 6]);
    await anchorer.stop();
    expect(clock.pending()).toBe(0);
  });

  it("that fails is asked again, later each time, and then for the newest head", async () => {
    let isBad = true;
    const anchor = anchorThat("one", (...step) => (isBad ? bad : good)(...step));
    const { anchorer, clock, grow, of } = await room(anchor);
    await anchorer.start();
    await grow(2);
    expect(of("one")).toMatchObject([{ size: 2, state: "failed", attempts: 1, error: "nobody is there" }]);
    await grow(1);
    expect(anchor.seen).toEqual([2]);
    await clock.advance(30_000);
    await clock.advance(60_000);
    expect(anchor.seen).toEqual([2, 3, 3]);
    expect(of("one")).toMatchObject([{ size: 3, attempts: 3 }]);
    isBad = false;
    await clock.advance(120_000);
    expect(of("one")).toMatchObject([{ size: 3, state: "anchored", attempts: 0, error: null }]);
    await anchorer.stop();
  });

  it("that never answers holds up neither another one nor the end", async () => {
    const [slow, other] = [anchorThat("slow", hanging), anchorThat("other", good)];
    const { anchorer, clock, grow, of } = await room(slow, other);
    await anchorer.start();
    await grow(2);
    await grow(2);
    await clock.advance(60_000);
    expect(other.seen).toEqual([2, 4]);
    expect(slow.seen).toEqual([2]);
    await anchorer.stop();
    expect(of("slow")).toEqual([]);
    expect(clock.pending()).toBe(0);
  });

  it("that takes several steps goes on with what it remembered, with the head it began with", async () => {
    const anchor = anchorThat("one", async (_head, progress) =>
      progress === 2
        ? good(_head, progress, new AbortController().signal)
        : { done: false, progress: Number(progress) + 1, againInMs: 5_000 },
    );
    const { anchorer, clock, grow, of } = await room(anchor);
    await anchorer.start();
    await grow(2);
    await grow(2);
    expect(of("one")).toMatchObject([{ size: 2, state: "pending", progress: 1 }]);
    await clock.advance(10_000);
    expect(anchor.seen).toEqual([2, 2, 2]);
    expect(of("one")).toMatchObject([{ size: 2, state: "anchored" }]);
    await anchorer.stop();
  });

  it("whose receipt cannot be kept is asked again", async () => {
    const anchor = anchorThat("one", good);
    const { anchorer, clock, grow, of, disk } = await room(anchor);
    disk.isBarred = true;
    await anchorer.start();
    await grow(2);
    expect(of("one")).toMatchObject([{ state: "failed", error: "no space left" }]);
    disk.isBarred = false;
    await clock.advance(30_000);
    expect(of("one")).toMatchObject([{ state: "anchored" }]);
    await anchorer.stop();
  });

  it("that has seen more of the log is told of", async () => {
    const anchor = anchorThat("one", async () => {
      throw new CascadeError("TLOG_ROLLED_BACK", "seen 9, signed 2");
    });
    const { anchorer, grow, rolledBack } = await room(anchor);
    await anchorer.start();
    await grow(2);
    expect(rolledBack).toEqual(["seen 9, signed 2"]);
    await anchorer.stop();
  });
});

describe("asked by hand", () => {
  it("shows the newest head at once, to the one that is named or to all", async () => {
    const [one, two] = [anchorThat("one", good), anchorThat("two", good)];
    const { anchorer, grow } = await room(one, two);
    await anchorer.start();
    await grow(2);
    await grow(2);
    await anchorer.anchorNow("one", true);
    expect([one.seen, two.seen]).toEqual([[2, 4], [2]]);
    await anchorer.anchorNow(null, true);
    expect([one.seen, two.seen]).toEqual([
      [2, 4],
      [2, 4],
    ]);
    await expect(anchorer.anchorNow("three", true)).rejects.toMatchObject({ code: "ANCHOR_UNKNOWN" });
    await anchorer.stop();
  });

  it("waits for the end of several steps, and for no more than one failure", async () => {
    const slow = anchorThat("slow", async (_head, progress) =>
      progress === 1 ? { done: true, receipt: Buffer.from("x") } : { done: false, progress: 1, againInMs: 5_000 },
    );
    const { anchorer, clock, grow, of } = await room(slow, anchorThat("bad", bad));
    await anchorer.start();
    await grow(2);
    await anchorer.anchorNow("bad", true);
    expect(of("bad")).toMatchObject([{ attempts: 2 }]);
    const asked = anchorer.anchorNow("slow", true);
    await clock.advance(5_000);
    await asked;
    expect(of("slow")).toMatchObject([{ state: "anchored" }]);
    await anchorer.stop();
  });

  it("goes on to the newest head after an earlier one that was begun", async () => {
    const slow = anchorThat("slow", async (_head, progress) =>
      progress === 1 ? { done: true, receipt: Buffer.from("x") } : { done: false, progress: 1, againInMs: 5_000 },
    );
    const { anchorer, clock, grow, of } = await room(slow);
    await anchorer.start();
    await grow(2);
    await grow(2);
    const asked = anchorer.anchorNow("slow", true);
    await clock.advance(10_000);
    await asked;
    expect(of("slow")).toMatchObject([{ size: 4, state: "anchored" }]);
    await anchorer.stop();
  });

  it("gives up waiting when the daemon stops", async () => {
    const { anchorer, grow } = await room(anchorThat("slow", hanging));
    await anchorer.start();
    await grow(1);
    const asked = anchorer.anchorNow(null, true);
    await settle();
    await anchorer.stop();
    await asked;
  });
});
