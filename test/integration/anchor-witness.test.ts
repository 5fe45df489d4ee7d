import { describe, expect, it } from "vitest";
import { createHttpExchange } from "../../src/adapters/anchors/http-exchange.ts";
import { checkCosigned } from "../../src/proofs/anchors/cosigned.ts";
import { createWitnessAnchor } from "../../src/proofs/anchors/witness-anchor.ts";
import { parseWitnessPolicy } from "../../src/proofs/tlog/witness-policy.ts";
import { growingLog } from "../support/growing-log.ts";
import { refusedUrl } from "../support/http-double.ts";
import { realClock } from "../support/real-clock.ts";
import { witnessDouble } from "../support/witness-double.ts";

const never = new AbortController().signal;
const ask = createHttpExchange(realClock);

function policyOf(witnesses: readonly { vkey: string; url: string }[], threshold: number | "all" = "all") {
  const lines = witnesses.map(({ vkey, url }, at) => `witness w${at} ${vkey} ${url}`);
  const names = witnesses.map((_, at) => `w${at}`).join(" ");
  return parseWitnessPolicy(`${lines.join("\n")}\ngroup g ${threshold} ${names}\nquorum g\n`);
}

function anchorOf(policy: ReturnType<typeof policyOf>, newest = 0) {
  const terms = { name: "witnesses", everyMs: 1, timeoutMs: 500, policy };
  return createWitnessAnchor(terms, { ask, newestSize: async () => newest });
}

describe("a witness", () => {
  it("cosigns heads that continue one another, from whatever size it has seen", async () => {
    const log = growingLog();
    const witness = await witnessDouble(log.key);
    witness.now = () => 1_767_225_600;
    const policy = policyOf([witness]);
    const anchor = anchorOf(policy);
    const first = await log.grow(3);
    const anchoring = await anchor.step(log.show(first), null, never);
    const receipt = Buffer.from(anchoring.done ? anchoring.receipt : []).toString();
    expect(receipt.startsWith(first.checkpoint)).toBe(true);
    expect(checkCosigned(receipt, first.checkpoint, policy)).toEqual({ by: ["w0"], at: 1_767_225_600 });

    const second = await log.grow(400);
    expect((await anchor.step(log.show(second, 3), null, never)).done).toBe(true);
    // Asked as by someone who has lost what was seen: the witness tells.
    const third = await log.grow(5);
    expect((await anchor.step(log.show(third), null, never)).done).toBe(true);
    expect(witness.seen).toMatchObject({ size: 408 });
    expect(witness.requests).toHaveLength(4);
    expect((await anchor.step(log.show(third, 408), null, never)).done).toBe(true);
    expect(checkCosigned(receipt, third.checkpoint, policy)).toBe("it is a cosignature of another checkpoint");
  });

  it("that has seen more than was ever signed here shows that the log was rolled back", async () => {
    const log = growingLog();
    const witness = await witnessDouble(log.key);
    const anchor = anchorOf(policyOf([witness]), 3);
    const old = await log.grow(3);
    await anchor.step(log.show(await log.grow(4)), null, never);
    await expect(anchor.step(log.show(old), null, never)).rejects.toMatchObject({
      code: "TLOG_ROLLED_BACK",
      message: expect.stringContaining("has seen 7 leaves"),
    });
  });

  it("that was shown a later head of ours meanwhile is no such evidence", async () => {
    const log = growingLog();
    const witness = await witnessDouble(log.key);
    const anchor = anchorOf(policyOf([witness]), 7);
    const old = await log.grow(3);
    await anchor.step(log.show(await log.grow(4)), null, never);
    await expect(anchor.step(log.show(old), null, never)).rejects.toMatchObject({ code: "ANCHOR_UNREACHABLE" });
  });

  it("refuses another history of the same log", async () => {
    const [log, fork] = [growingLog("log.test"), growingLog("log.test", "another leaf")];
    const witness = await witnessDouble(log.key);
    const policy = policyOf([witness]);
    await anchorOf(policy).step(log.show(await log.grow(3)), null, never);
    await fork.grow(3);
    await expect(anchorOf(policy).step(fork.show(await fork.grow(2)), null, never)).rejects.toMatchObject({
      code: "ANCHOR_UNREACHABLE",
      message: expect.stringContaining("status 403"),
    });
  });
});

describe("a quorum", () => {
  it("is reached without those that are down or slow", async () => {
    const log = growingLog();
    const [good, slow] = [await witnessDouble(log.key), await witnessDouble(log.key, "slow.test", 8)];
    const gone = { ...(await witnessDouble(log.key, "gone.test", 9)), url: await refusedUrl() };
    slow.spoil = () => "never";
    const head = await log.grow(2);
    const policy = policyOf([good, slow, gone], 1);
    const anchoring = await anchorOf(policy).step(log.show(head), null, never);
    const receipt = Buffer.from(anchoring.done ? anchoring.receipt : []).toString();
    expect(checkCosigned(receipt, head.checkpoint, policy)).toMatchObject({ by: ["w0"] });
    expect(checkCosigned(head.checkpoint, head.checkpoint, parseWitnessPolicy("quorum none\n"))).toEqual({
      by: [],
      at: null,
    });
    const strict = policyOf([good, slow, gone], 2);
    expect(checkCosigned(receipt, head.checkpoint, strict)).toBe("the witnesses w0 are not the quorum g");
    await expect(anchorOf(strict).step(log.show(head, 2), null, never)).rejects.toMatchObject({
      code: "ANCHOR_UNREACHABLE",
      message: expect.stringContaining("no whole answer within 500 ms"),
    });
  });
});

describe("the time of a quorum", () => {
  it("is when the last of those it takes had cosigned, so that a single witness cannot date it back", async () => {
    const log = growingLog();
    const witnesses = [
      await witnessDouble(log.key, "liar.test", 1),
      await witnessDouble(log.key, "one.test", 2),
      await witnessDouble(log.key, "two.test", 3),
    ];
    for (const [at, witness] of witnesses.entries()) witness.now = () => [1_000, 2_000_000, 2_000_005][at]!;
    const policy = policyOf(witnesses, "all");
    const head = await log.grow(1);
    const anchoring = await anchorOf(policy).step(log.show(head), null, never);
    const receipt = Buffer.from(anchoring.done ? anchoring.receipt : []).toString();
    const timeOf = (threshold: number | "all") =>
      checkCosigned(receipt, head.checkpoint, policyOf(witnesses, threshold));
    expect(timeOf("all")).toMatchObject({ at: 2_000_005 });
    expect(timeOf(2)).toMatchObject({ at: 2_000_000 });
    expect(timeOf(1)).toMatchObject({ at: 1_000 });
  });
});

describe("an answer that is not to be believed", () => {
  it.each([
    ["a cosignature of another checkpoint", "other"],
    ["a cosignature under another key", "key"],
    ["nothing", ""],
    ["a page", "<html>\n"],
    ["409 without a size", "409"],
    ["far too much", "x".repeat(100_000)],
  ])("%s", async (_what, kind) => {
    const log = growingLog();
    const [witness, stranger] = [await witnessDouble(log.key), await witnessDouble(log.key, "witness.test", 9)];
    const head = await log.grow(2);
    let kept: string | undefined;
    witness.spoil = (answer) => ({ body: (kept ??= String(answer.body)) });
    if (kind === "other") await anchorOf(policyOf([witness])).step(log.show(head), null, never);
    else if (kind === "key") {
      stranger.spoil = (answer) => ({ body: (kept = String(answer.body)) });
      await anchorOf(policyOf([stranger])).step(log.show(head), null, never);
    } else witness.spoil = () => (kind === "409" ? { status: 409, body: "soon\n" } : { body: kind });
    const next = kind === "other" ? await log.grow(1) : head;
    const step = anchorOf(policyOf([witness])).step(log.show(next, kind === "other" ? 2 : 0), null, never);
    await expect(step).rejects.toMatchObject({ code: "ANCHOR_INVALID" });
  });
});
