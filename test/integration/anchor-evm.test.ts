import { createHash } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openEvmWallet } from "../../src/adapters/anchors/evm-wallet.ts";
import { createHttpExchange } from "../../src/adapters/anchors/http-exchange.ts";
import type { Json } from "../../src/kernel/json.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { Anchor, HeadToAnchor } from "../../src/ports/anchor.ts";
import { createEvmAnchor } from "../../src/proofs/anchors/evm-anchor.ts";
import { checkOnChain, type EvmReceipt, readEvmReceipt } from "../../src/proofs/anchors/evm-receipt.ts";
import { createJsonRpc } from "../../src/proofs/anchors/json-rpc.ts";
import { type Anvil, anvilProgram, startAnvil } from "../support/anvil.ts";
import { growingLog } from "../support/growing-log.ts";
import { httpDouble, refusedUrl } from "../support/http-double.ts";
import { realClock } from "../support/real-clock.ts";
import { skipsAllowed } from "../support/skipping.ts";
import { tempFolder } from "../support/temp-folder.ts";

const program = anvilProgram();
if (!program) console.warn("skipped: there is no anvil for this host");
const skip = program === undefined && skipsAllowed;
const never = new AbortController().signal;
const ask = createHttpExchange(realClock);

interface AnchorChoice {
  chainId?: number;
  confirmations?: number;
}

function anchorOn(
  { url, keyFile }: Pick<Anvil, "url" | "keyFile">,
  { chainId = 31_337, confirmations = 1 }: AnchorChoice = {},
) {
  return createEvmAnchor(
    { name: "chain", everyMs: 1, chainId, confirmations, pollMs: 10 },
    { rpc: createJsonRpc(url, ask, 1_000), wallet: () => openEvmWallet(keyFile), logger: silentLogger },
  );
}

const hashIn = (progress: Json) => (progress as { hash: string }).hash;

/** Takes steps until it is done; at most 20. */
async function finish(anchor: Anchor, head: HeadToAnchor, from: Json = null): Promise<string> {
  let progress = from;
  for (let step = 0; step < 20; step++) {
    const anchoring = await anchor.step(head, progress, never);
    if (anchoring.done) return Buffer.from(anchoring.receipt).toString();
    ({ progress } = anchoring);
  }
  throw new Error("not done after 20 steps");
}

/** Takes that many steps that are not the last one. */
async function advance(anchor: Anchor, head: HeadToAnchor, steps: number, from: Json = null): Promise<Json> {
  let progress = from;
  for (let step = 0; step < steps; step++) {
    const anchoring = await anchor.step(head, progress, never);
    if (anchoring.done) throw new Error("it was the last step");
    ({ progress } = anchoring);
  }
  return progress;
}

describe.skipIf(skip)("a chain of anvil", () => {
  const start = (...options: string[]) => startAnvil(program!, ...options);

  it("holds the digest of the checkpoint in 37 octets of calldata", async () => {
    const anvil = await start();
    const log = growingLog();
    const head = await log.grow(3);
    const receipt = readEvmReceipt(await finish(anchorOn(anvil), log.show(head)), head.checkpoint) as EvmReceipt;
    expect(receipt).toMatchObject({ chainId: 31_337, blockNumber: 1, confirmations: 1 });

    const transaction = await anvil.rpc("eth_getTransactionByHash", receipt.txHash);
    const digest = createHash("sha256").update(head.checkpoint).digest("hex");
    expect(transaction.input).toBe(`0x${Buffer.from("CSCD").toString("hex")}01${digest}`);
    expect(Buffer.from(transaction.input.slice(2), "hex")).toHaveLength(37);
    expect(transaction).toMatchObject({
      blockHash: receipt.blockHash,
      value: "0x0",
      to: transaction.from,
      from: receipt.from,
    });

    const rpc = createJsonRpc(anvil.url, ask, 1_000);
    expect(await checkOnChain(receipt, rpc, never)).toMatchObject({ confirmations: 1, succeeded: true });
    const wrong: [Partial<EvmReceipt>, RegExp][] = [
      [{ chainId: 1 }, /of chain 31337, the receipt of chain 1/],
      [{ txHash: `0x${"1".repeat(64)}` }, /is in no block/],
      [{ blockHash: `0x${"1".repeat(64)}` }, /is in another block/],
      [{ calldata: "0x00" }, /holds other data/],
    ];
    for (const [change, reason] of wrong)
      expect(await checkOnChain({ ...receipt, ...change }, rpc, never)).toMatch(reason);
    expect(readEvmReceipt(JSON.stringify(receipt), `${head.checkpoint}x`)).toBe("it is of another checkpoint");
    expect(readEvmReceipt("[]", head.checkpoint)).toBe("it is not an object");
  });

  it("is waited on until it has the confirmations that are wanted", async () => {
    const anvil = await start("--no-mining");
    const log = growingLog();
    const head = log.show(await log.grow(3));
    const anchor = anchorOn(anvil, { confirmations: 3 });
    let progress = await advance(anchor, head, 3);
    for (let block = 1; block <= 2; block++) {
      await anvil.rpc("evm_mine");
      progress = await advance(anchor, head, 2, progress);
    }
    await anvil.rpc("evm_mine");
    expect(JSON.parse(await finish(anchor, head, progress))).toMatchObject({ blockNumber: 1, confirmations: 3 });
  });

  it("is sent the same bytes again after a crash, and pays once", async () => {
    const anvil = await start();
    const log = growingLog();
    const head = log.show(await log.grow(3));
    const signed = await advance(anchorOn(anvil), head, 1);
    await advance(anchorOn(anvil), head, 1, signed);
    // What a daemon knows that was killed after it had sent and before it could record that.
    const receipt = JSON.parse(await finish(anchorOn(anvil), head, signed));
    expect(receipt.txHash).toBe(hashIn(signed));
    expect(await anvil.rpc("eth_getTransactionCount", receipt.from, "latest")).toBe("0x1");
  });

  it("is sent it again when a reorganisation takes its block away", async () => {
    const anvil = await start("--no-mining");
    const log = growingLog();
    const head = log.show(await log.grow(3));
    const anchor = anchorOn(anvil, { confirmations: 2 });
    const before = await anvil.rpc("evm_snapshot");
    const sent = await advance(anchor, head, 2);
    await anvil.rpc("evm_mine");
    const seen = await advance(anchor, head, 1, sent);
    const { blockHash } = seen as { blockHash: string };
    expect(blockHash).toMatch(/^0x/);

    await anvil.rpc("evm_revert", before);
    await anvil.rpc("evm_increaseTime", 100);
    const gone = await advance(anchor, head, 1, seen);
    expect(gone).toMatchObject({ hash: hashIn(sent), blockHash: null });
    await anvil.rpc("evm_mine");
    const again = await advance(anchor, head, 1, gone);
    await anvil.rpc("evm_mine");
    const receipt = JSON.parse(await finish(anchor, head, again));
    expect(receipt.txHash).toBe(hashIn(sent));
    expect(receipt.blockHash).not.toBe(blockHash);
  });

  it("that has taken another transaction of the account gets a new one", async () => {
    const anvil = await start("--no-mining");
    const log = growingLog();
    const head = log.show(await log.grow(3));
    const signed = await advance(anchorOn(anvil), head, 1);
    const [from] = await anvil.rpc("eth_accounts");
    await anvil.rpc("eth_sendTransaction", { from, to: from, value: "0x1" });
    await anvil.rpc("evm_mine");
    const anew = await advance(anchorOn(anvil), head, 1, signed);
    expect(hashIn(anew)).not.toBe(hashIn(signed));
    const sent = await advance(anchorOn(anvil), head, 1, anew);
    await anvil.rpc("evm_mine");
    expect(JSON.parse(await finish(anchorOn(anvil), head, sent))).toMatchObject({
      txHash: hashIn(anew),
      blockNumber: 2,
    });
  });

  it("is not paid on when it is another chain than was configured", async () => {
    const anvil = await start();
    const log = growingLog();
    await expect(finish(anchorOn(anvil, { chainId: 1 }), log.show(await log.grow(1)))).rejects.toMatchObject({
      code: "ANCHOR_INVALID",
      message: "the node is of chain 31337, not of 1",
    });
  });
});

describe("a node", () => {
  it.each([
    ["is slow", "never" as const, "no whole answer within 1000 ms"],
    ["gives a page", { body: "<html>" }, "no JSON-RPC"],
    ["gives a number that is none", { body: '{"jsonrpc":"2.0","id":1,"result":{}}' }, "instead of a number"],
    ["answers another question", { body: '{"jsonrpc":"2.0","id":7,"result":"0x7a69"}' }, "no JSON-RPC"],
    ["refuses", { body: '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"too many"}}' }, "too many"],
    ["gives too much", { body: "x".repeat(300_000) }, "more than"],
  ])("that %s keeps the head from being anchored", async (_what, answer, message) => {
    const { url } = await httpDouble(() => answer);
    const log = growingLog();
    const step = anchorOn({ url, keyFile: "/none" }).step(log.show(await log.grow(1)), null, never);
    await expect(step).rejects.toMatchObject({ message: expect.stringContaining(message) });
  });

  it("that is not there is said so, without what its address may hold", async () => {
    const log = growingLog();
    const step = anchorOn({ url: `${await refusedUrl()}/v3/secret`, keyFile: "/none" }).step(
      log.show(await log.grow(1)),
      null,
      never,
    );
    const error: Error = await step.then(
      () => new Error("none"),
      (reason: Error) => reason,
    );
    expect(error).toMatchObject({ code: "ANCHOR_UNREACHABLE" });
    expect(error.message).not.toContain("secret");
  });
});

describe("the file of an account's key", () => {
  it("is refused when others may read it, and when it holds none, and is never told", async () => {
    const file = join(tempFolder(), "evm.key");
    await expect(openEvmWallet(file)).rejects.toMatchObject({ code: "KEY_UNREADABLE" });
    writeFileSync(file, "c0ffee secret", { mode: 0o600 });
    const error = (await openEvmWallet(file).catch((reason: unknown) => reason)) as Error;
    expect(error).toMatchObject({ code: "KEY_UNREADABLE" });
    expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain("c0ffee");
    chmodSync(file, 0o640);
    await expect(openEvmWallet(file)).rejects.toMatchObject({ message: expect.stringContaining("others may read") });
  });
});
