import { describe, expect, it } from "vitest";
import { createHttpExchange } from "../../src/adapters/anchors/http-exchange.ts";
import { checkRequirements } from "../../src/proofs/anchors/requirements.ts";
import { createWitnessAnchor } from "../../src/proofs/anchors/witness-anchor.ts";
import { createEntryMaker } from "../../src/proofs/tlog/log-entry.ts";
import { parseWitnessPolicy } from "../../src/proofs/tlog/witness-policy.ts";
import { growingLog } from "../support/growing-log.ts";
import { realClock } from "../support/real-clock.ts";
import { witnessDouble } from "../support/witness-double.ts";

const never = new AbortController().signal;
const stampedAt = Date.parse("2026-01-01T12:00:00Z");
const minutes = (count: number) => count * 60_000;

/** What is found when a run finished then, and a witness cosigned the head that covers it at noon. */
async function findings(finishedAt: number | null) {
  const log = growingLog();
  const witness = await witnessDouble(log.key);
  witness.now = () => stampedAt / 1_000;
  const policy = parseWitnessPolicy(`witness w ${witness.vkey} ${witness.url}\nquorum w\n`);
  const anchor = createWitnessAnchor(
    { name: "witnesses", everyMs: 1, timeoutMs: 5_000, policy },
    { ask: createHttpExchange(realClock), newestSize: async () => 0 },
  );
  const body = Buffer.from("a leaf");
  const { head, growth } = await log.append([body, Buffer.from("another")]);
  const anchoring = await anchor.step(log.show(head), null, never);
  const receipt = {
    kind: "witness" as const,
    name: "witnesses",
    bytes: Buffer.from(anchoring.done ? anchoring.receipt : []),
    checkpoint: head.checkpoint,
    consistency: [],
  };
  return checkRequirements(createEntryMaker(log.key, head)(0, body, growth.path(0)), [log.key], {
    kinds: ["witness"],
    trusted: [{ kind: "witness", policy }],
    receiptsOver: async () => [receipt],
    chain: { rpc: null, signal: never },
    finishedAt,
  });
}

describe("a run that is in a head which was seen at noon", () => {
  it.each<[string, number | null]>([
    ["had finished before", stampedAt - minutes(600)],
    ["finished in that moment, by a clock that is a little fast", stampedAt + minutes(4)],
    ["is no run, but another statement", null],
  ])("%s: nothing contradicts that", async (_what, finishedAt) => {
    expect(await findings(finishedAt)).toMatchObject([{ check: "witness", status: "passed" }]);
  });

  it("cannot have finished long after: the witness or the daemon's clock is wrong", async () => {
    expect(await findings(stampedAt + minutes(6))).toMatchObject([
      {
        check: "witness",
        status: "failed",
        message: expect.stringContaining("before the run had finished, at 2026-01-01T12:06:00.000Z"),
      },
    ]);
  });
});
