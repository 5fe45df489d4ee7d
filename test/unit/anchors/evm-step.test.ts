import { expect, it } from "vitest";
import type { TransactionPlace } from "../../../src/proofs/anchors/evm-receipt.ts";
import { type EvmFacts, nextEvmStep, signedTransactionIn } from "../../../src/proofs/anchors/evm-step.ts";

const signed = { hash: "0xa", raw: "0xb", nonce: 4, blockHash: null };
const place: TransactionPlace = {
  blockNumber: 10,
  blockHash: "0x1",
  at: 0,
  confirmations: 1,
  succeeded: true,
  input: "0xdata",
  from: "0xme",
};
const facts: EvmFacts = { signed, place, accountNonce: 5, confirmations: 3, calldata: "0xdata" };

it("sends what is nowhere, the same bytes each time", () => {
  expect(nextEvmStep({ ...facts, place: "unknown", accountNonce: 4 })).toEqual({ do: "send" });
});

it("signs anew when the nonce was taken by another transaction, or when it failed", () => {
  expect(nextEvmStep({ ...facts, place: "unknown" })).toMatchObject({ do: "sign_anew" });
  expect(nextEvmStep({ ...facts, place: { ...place, succeeded: false } })).toMatchObject({ do: "sign_anew" });
  expect(nextEvmStep({ ...facts, place: { ...place, input: "0xother" } })).toMatchObject({ do: "sign_anew" });
});

it("waits for a block, then for the confirmations, and is done with the last one", () => {
  expect(nextEvmStep({ ...facts, place: "waiting" })).toEqual({ do: "wait", blockHash: null, reorganised: false });
  expect(nextEvmStep(facts)).toEqual({ do: "wait", blockHash: "0x1", reorganised: false });
  expect(nextEvmStep({ ...facts, place: { ...place, confirmations: 2 } })).toMatchObject({ do: "wait" });
  expect(nextEvmStep({ ...facts, place: { ...place, confirmations: 3 } })).toEqual({ do: "finish" });
});

it("counts anew when its block is gone", () => {
  const seen = { ...facts, signed: { ...signed, blockHash: "0x1" } };
  expect(nextEvmStep({ ...seen, place: { ...place, blockHash: "0x2" } })).toEqual({
    do: "wait",
    blockHash: "0x2",
    reorganised: true,
  });
  expect(nextEvmStep({ ...seen, place: "waiting" })).toEqual({ do: "wait", blockHash: null, reorganised: true });
  expect(nextEvmStep({ ...seen, place: "unknown", accountNonce: 4 })).toEqual({ do: "send" });
});

it("takes up what was remembered, and nothing else", () => {
  expect(signedTransactionIn({ ...signed, blockHash: "0x1" })).toEqual({ ...signed, blockHash: "0x1" });
  expect([null, {}, { hash: 1 }, "x"].map(signedTransactionIn)).toEqual([undefined, undefined, undefined, undefined]);
});
