import { expect, it } from "vitest";
import { type AnchorRecord, anchorKinds, receiptFile, receiptNamed } from "../../../src/domain/anchor.ts";
import { nextAnchoring, retryDelay } from "../../../src/domain/anchoring.ts";

const record: AnchorRecord = {
  origin: "log.test",
  name: "chain",
  kind: "evm",
  size: 10,
  state: "anchored",
  attempts: 0,
  at: 1_000,
  nextAt: null,
  progress: null,
  receipt: "log.test/10/chain.json",
  error: null,
};
const failed: AnchorRecord = { ...record, size: 12, state: "failed", attempts: 2, nextAt: 5_000, receipt: null };
const facts = { headSize: 20, anchored: undefined, unfinished: undefined, everyMs: 60_000 };

it("takes the newest head at once when there is none before it", () => {
  expect(nextAnchoring(facts)).toEqual({ size: 20, at: 0 });
});

it("has nothing to do without a head, and with one that was seen", () => {
  expect(nextAnchoring({ ...facts, headSize: 0 })).toBeUndefined();
  expect(nextAnchoring({ ...facts, headSize: 10, anchored: record })).toBeUndefined();
});

it("keeps the least time between two heads", () => {
  expect(nextAnchoring({ ...facts, anchored: record })).toEqual({ size: 20, at: 61_000 });
});

it("tries the newest head after a failure, not the one that failed, and not before the delay", () => {
  expect(nextAnchoring({ ...facts, unfinished: failed })).toEqual({ size: 20, at: 5_000 });
  expect(nextAnchoring({ ...facts, anchored: record, unfinished: failed })).toEqual({ size: 20, at: 61_000 });
});

it("brings what was begun to its end, however far the log has grown", () => {
  const begun = { ...failed, state: "pending" as const, progress: { hash: "0x1" } };
  expect(nextAnchoring({ ...facts, anchored: record, unfinished: begun })).toEqual({ size: 12, at: 5_000 });
});

it("waits longer after each failure, up to an hour", () => {
  expect([1, 2, 3, 7, 8, 1_000].map(retryDelay)).toEqual([30_000, 60_000, 120_000, 1_920_000, 3_600_000, 3_600_000]);
});

it("knows name and kind of a receipt by its file", () => {
  for (const kind of anchorKinds) {
    const file = receiptFile({ origin: "log.test", size: 3, name: "some-name", kind });
    expect(receiptNamed(file.slice("log.test/3/".length))).toEqual({ name: "some-name", kind });
  }
  expect(receiptNamed("checkpoint")).toBeUndefined();
});
