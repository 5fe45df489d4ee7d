import { CascadeError } from "../../kernel/errors.ts";
import { isJsonObject, type Json } from "../../kernel/json.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { Anchor, Anchoring } from "../../ports/anchor.ts";
import type { EvmWallet } from "../../ports/evm-wallet.ts";
import { calldataOf, type EvmReceipt, placeOf, quantity, type TransactionPlace } from "./evm-receipt.ts";
import { nextEvmStep, type SignedTransaction, signedTransactionIn } from "./evm-step.ts";
import { type JsonRpc, RpcRefusal } from "./json-rpc.ts";
import type { AnchorTerms } from "./terms.ts";

export interface EvmTerms extends Omit<AnchorTerms, "timeoutMs"> {
  /** A node of another chain is refused: it would cost the money of another one. */
  chainId: number;
  /** How many blocks are wanted, that of the transaction included. */
  confirmations: number;
  /** How long to wait between two looks. */
  pollMs: number;
}

export interface EvmPorts {
  rpc: JsonRpc;
  /** Asked for when something is to be signed. */
  wallet(): Promise<EvmWallet>;
  logger: Logger;
}

/** 21,000 for the transaction and 40 for each octet of calldata at most (EIP-7623), and some room. */
const GAS_LIMIT = 25_000n;
/** Blocks that the fee may double in before the transaction is too cheap. */
const FEE_ROOM = 2n;
const ONE_GWEI = 1_000_000_000n;

/** A chain of the EVM: a transaction from the account to itself whose calldata names the checkpoint. The receipt tells where it is. */
export function createEvmAnchor(terms: EvmTerms, { rpc, wallet, logger }: EvmPorts): Anchor {
  const { name, everyMs, chainId, confirmations, pollMs } = terms;

  async function sign(calldata: string, signal: AbortSignal): Promise<Json> {
    const { address, sign: signWith } = await wallet();
    const nonce = quantity(await rpc("eth_getTransactionCount", [address, "pending"], signal));
    const block = await rpc("eth_getBlockByNumber", ["latest", false], signal);
    const baseFee = isJsonObject(block) ? BigInt(quantity(block["baseFeePerGas"] ?? "0x0")) : 0n;
    const tip = await rpc("eth_maxPriorityFeePerGas", [], signal).then(
      (value) => BigInt(quantity(value)),
      () => ONE_GWEI,
    );
    const maxFeePerGas = baseFee * FEE_ROOM + tip;
    const transaction = {
      chainId,
      nonce,
      gasLimit: GAS_LIMIT,
      maxFeePerGas,
      maxPriorityFeePerGas: tip,
      data: calldata,
    };
    const { raw, hash } = await signWith(transaction);
    return { hash: hash.toLowerCase(), raw, nonce, blockHash: null };
  }

  async function send({ raw }: SignedTransaction, signal: AbortSignal): Promise<void> {
    try {
      await rpc("eth_sendRawTransaction", [raw], signal);
    } catch (error) {
      // Sent twice after a crash: nodes say so in words of their own.
      if (error instanceof RpcRefusal && /already|known|imported/i.test(error.message)) return;
      throw error;
    }
  }

  async function next(signed: SignedTransaction, calldata: string, signal: AbortSignal): Promise<Anchoring> {
    const place = await placeOf(signed.hash, rpc, signal);
    const { address } = await wallet();
    const accountNonce = quantity(await rpc("eth_getTransactionCount", [address, "latest"], signal));
    const step = nextEvmStep({ signed, place, accountNonce, confirmations, calldata });
    const remember = (blockHash: string | null): Json => ({ ...signed, blockHash });
    switch (step.do) {
      case "send":
        await send(signed, signal);
        return { done: false, progress: remember(null), againInMs: pollMs };
      case "sign_anew":
        logger.warn(
          { event: "anchor.resent", anchor: name, reason: step.why },
          `anchor ${name} signs another transaction`,
        );
        return { done: false, progress: await sign(calldata, signal), againInMs: 0 };
      case "wait":
        if (step.reorganised) {
          logger.warn(
            { event: "anchor.reorganised", anchor: name },
            `the block that anchor ${name} waited for is gone`,
          );
        }
        return { done: false, progress: remember(step.blockHash), againInMs: pollMs };
      case "finish":
        return { done: true, receipt: Buffer.from(receiptText(signed.hash, place as TransactionPlace), "utf8") };
    }
  }

  function receiptText(
    txHash: string,
    { blockNumber, blockHash, confirmations: reached, from, input }: TransactionPlace,
  ) {
    const receipt: EvmReceipt = {
      chainId,
      txHash,
      blockNumber,
      blockHash,
      confirmations: reached,
      from,
      calldata: input,
    };
    return `${JSON.stringify(receipt, null, 2)}\n`;
  }

  return {
    name,
    everyMs,
    kind: "evm",
    async step({ checkpoint }, progress, signal) {
      const found = quantity(await rpc("eth_chainId", [], signal));
      if (found !== chainId)
        throw new CascadeError("ANCHOR_INVALID", `the node is of chain ${found}, not of ${chainId}`);
      const calldata = calldataOf(checkpoint);
      const signed = signedTransactionIn(progress);
      if (signed) return next(signed, calldata, signal);
      return { done: false, progress: await sign(calldata, signal), againInMs: 0 };
    },
  };
}
