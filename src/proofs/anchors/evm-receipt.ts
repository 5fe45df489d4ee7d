import { hash } from "node:crypto";
import { CascadeError } from "../../kernel/errors.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { JsonRpc } from "./json-rpc.ts";

/** Where on a chain a checkpoint was written. Hashes and addresses are `0x` and lower-case hex digits. */
export interface EvmReceipt {
  chainId: number;
  txHash: string;
  blockNumber: number;
  blockHash: string;
  /** Blocks from that one on, itself included, when the receipt was written. */
  confirmations: number;
  from: string;
  /** Of the transaction: 37 bytes. */
  calldata: string;
}

/** What is written to the chain: `CSCD`, a version octet, and the SHA-256 of the checkpoint's text. */
export function calldataOf(checkpoint: string): string {
  return `0x4353434401${hash("sha256", checkpoint, "hex")}`;
}

const HASH = /^0x[0-9a-f]{64}$/;

/** Reads a receipt of a checkpoint. Returns in words what is wrong; it says nothing of the chain. */
export function readEvmReceipt(text: string, checkpoint: string): EvmReceipt | string {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return "it is not JSON";
  }
  if (!isJsonObject(value)) return "it is not an object";
  const { chainId, txHash, blockNumber, blockHash, confirmations, from, calldata } = value;
  const isWhole = (number: unknown): number is number => Number.isSafeInteger(number) && Number(number) >= 0;
  const isHash = (hex: unknown): hex is string => typeof hex === "string" && HASH.test(hex);
  if (!isWhole(chainId) || !isWhole(blockNumber) || !isWhole(confirmations)) return "a number in it is none";
  if (!isHash(txHash) || !isHash(blockHash) || typeof from !== "string") return "a hash in it is none";
  if (calldata !== calldataOf(checkpoint)) return "it is of another checkpoint";
  return { chainId, txHash, blockNumber, blockHash, confirmations, from, calldata };
}

/** Where a node has a transaction. */
export interface TransactionPlace {
  blockNumber: number;
  blockHash: string;
  /** When the block was made, by its own word, in ms. */
  at: number;
  confirmations: number;
  succeeded: boolean;
  input: string;
  from: string;
}

/**
 * Where the transaction is on the chain that the node takes for the right one; `waiting` when it is in no block yet, `unknown`
 * when the node has never heard of it or has forgotten.
 */
export async function placeOf(
  txHash: string,
  rpc: JsonRpc,
  signal: AbortSignal,
): Promise<TransactionPlace | "waiting" | "unknown"> {
  const transaction = await rpc("eth_getTransactionByHash", [txHash], signal);
  if (!isJsonObject(transaction)) return "unknown";
  const receipt = await rpc("eth_getTransactionReceipt", [txHash], signal);
  if (!isJsonObject(receipt) || typeof receipt["blockHash"] !== "string") return "waiting";
  const blockNumber = quantity(receipt["blockNumber"]);
  // A node may answer for a block that is not on its chain any more.
  const block = await rpc("eth_getBlockByNumber", [`0x${blockNumber.toString(16)}`, false], signal);
  if (!isJsonObject(block) || block["hash"] !== receipt["blockHash"]) return "waiting";
  const newest = quantity(await rpc("eth_blockNumber", [], signal));
  return {
    blockNumber,
    blockHash: receipt["blockHash"].toLowerCase(),
    at: quantity(block["timestamp"]) * 1_000,
    confirmations: newest - blockNumber + 1,
    succeeded: receipt["status"] === "0x1",
    input: String(transaction["input"]).toLowerCase(),
    from: String(transaction["from"]).toLowerCase(),
  };
}

/** A number as nodes write it: `0x` and hex digits. */
export function quantity(value: unknown): number {
  const number = typeof value === "string" && /^0x[0-9a-f]{1,16}$/i.test(value) ? Number(value) : NaN;
  if (Number.isSafeInteger(number)) return number;
  throw new CascadeError("ANCHOR_INVALID", `the node answered ${JSON.stringify(value)} instead of a number`);
}

/** Holds a receipt against what a node says. Returns in words what is wrong. Rejects when the node cannot be asked. */
export async function checkOnChain(
  receipt: EvmReceipt,
  rpc: JsonRpc,
  signal: AbortSignal,
): Promise<TransactionPlace | string> {
  const chainId = quantity(await rpc("eth_chainId", [], signal));
  if (chainId !== receipt.chainId) return `the node is of chain ${chainId}, the receipt of chain ${receipt.chainId}`;
  const place = await placeOf(receipt.txHash, rpc, signal);
  if (typeof place === "string") return `the transaction ${receipt.txHash} is in no block of chain ${chainId}`;
  if (place.input !== receipt.calldata) return `the transaction ${receipt.txHash} holds other data`;
  if (!place.succeeded) return `the transaction ${receipt.txHash} failed`;
  if (place.blockHash !== receipt.blockHash)
    return `the transaction ${receipt.txHash} is in another block than the receipt says`;
  return place;
}
