import type { Json } from "../../kernel/json.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { TransactionPlace } from "./evm-receipt.ts";

/** A transaction that was signed. It is durable before it is sent, so that a crash never pays twice. */
export interface SignedTransaction {
  hash: string;
  raw: string;
  nonce: number;
  /** The block it was last seen in; null before. */
  blockHash: string | null;
}

export type EvmStep =
  /** Not on the chain: send these very bytes again. */
  | { do: "send" }
  /** Its nonce was taken by another transaction, or it failed: it will never be what was wanted. */
  | { do: "sign_anew"; why: string }
  | { do: "wait"; blockHash: string | null; reorganised: boolean }
  | { do: "finish" };

export interface EvmFacts {
  signed: SignedTransaction;
  /** What the chain says of it. */
  place: TransactionPlace | "waiting" | "unknown";
  /** How many transactions of the account are in blocks. */
  accountNonce: number;
  /** How many blocks are wanted from its block on. */
  confirmations: number;
  calldata: string;
}

/** What is next for a transaction. A block that is gone puts it back to where it was before it. */
export function nextEvmStep({ signed, place, accountNonce, confirmations, calldata }: EvmFacts): EvmStep {
  if (place === "unknown") {
    return accountNonce > signed.nonce
      ? { do: "sign_anew", why: `another transaction of the account has its nonce ${signed.nonce}` }
      : { do: "send" };
  }
  const wasIn = signed.blockHash;
  if (place === "waiting") return { do: "wait", blockHash: null, reorganised: wasIn !== null };
  if (!place.succeeded || place.input !== calldata) return { do: "sign_anew", why: "the transaction failed" };
  const reorganised = wasIn !== null && wasIn !== place.blockHash;
  if (place.confirmations >= confirmations) return { do: "finish" };
  return { do: "wait", blockHash: place.blockHash, reorganised };
}

/** A transaction as it was remembered; undefined for anything else. */
export function signedTransactionIn(progress: Json): SignedTransaction | undefined {
  if (!isJsonObject(progress)) return undefined;
  const { hash, raw, nonce, blockHash } = progress;
  if (typeof hash !== "string" || typeof raw !== "string" || typeof nonce !== "number") return undefined;
  return { hash, raw, nonce, blockHash: typeof blockHash === "string" ? blockHash : null };
}
