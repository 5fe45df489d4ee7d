import type { X509Certificate } from "node:crypto";
import type { AnchorKind } from "../../domain/anchor.ts";
import { isoTime } from "../../kernel/clock.ts";
import { toCascadeError } from "../../kernel/errors.ts";
import type { Finding } from "../finding.ts";
import type { NoteKey } from "../tlog/note.ts";
import type { WitnessPolicy } from "../tlog/witness-policy.ts";
import { checkCosigned } from "./cosigned.ts";
import { checkOnChain, readEvmReceipt } from "./evm-receipt.ts";
import type { JsonRpc } from "./json-rpc.ts";
import { checkRekorBundle } from "./rekor-bundle.ts";
import { checkTimeStamp } from "./time-stamp.ts";

/** Whom a verifier believes, for one kind of anchor. */
export type AnchorTrust =
  | { kind: "exec" }
  | { kind: "tsa"; certificates: readonly X509Certificate[] }
  | { kind: "witness"; policy: WitnessPolicy }
  | { kind: "rekor"; log: NoteKey }
  /** Null takes any chain that the node is of. */
  | { kind: "evm"; chainId: number | null; confirmations: number };

export interface Receipt {
  kind: AnchorKind;
  name: string;
  bytes: Buffer;
  /** The signed note that it is over. */
  checkpoint: string;
}

export interface ReceiptFinding extends Pick<Finding, "status" | "message"> {
  /** When the head was there, by whoever is trusted for it, in ms; absent where nobody says so. */
  at?: number;
}

/** Where a receipt of a chain is held against: without a node, what it claims cannot be known. */
export interface ChainAccess {
  rpc: JsonRpc | null;
  signal: AbortSignal;
}

/** Holds a receipt against whom is trusted for its kind. Only a node of a chain is asked; all else is done offline. */
export async function checkReceipt(receipt: Receipt, trust: AnchorTrust, chain: ChainAccess): Promise<ReceiptFinding> {
  const { checkpoint, bytes } = receipt;
  const text = bytes.toString("utf8");
  switch (trust.kind) {
    case "exec":
      return unknown(`${bytes.length} bytes were kept: only the command's own program can tell what they are worth`);
    case "tsa": {
      const stamp = checkTimeStamp(bytes, { data: Buffer.from(checkpoint, "utf8"), trusted: trust.certificates });
      return outcome(stamp, ({ at, authority }) => ({ at, message: `${authority} stamped it at ${isoTime(at)}` }));
    }
    case "witness": {
      const cosigned = checkCosigned(text, checkpoint, trust.policy);
      return outcome(cosigned, ({ by, at }) =>
        at === null
          ? { message: "the policy asks for no witness, and none has cosigned it" }
          : { at: at * 1_000, message: `cosigned by ${by.join(", ")}, the quorum at ${isoTime(at * 1_000)}` },
      );
    }
    case "rekor": {
      const inclusion = checkRekorBundle(text, checkpoint, trust.log);
      return outcome(inclusion, ({ index, size }) => ({
        message: `entry ${index} in the head of ${size} of the log ${trust.log.name}`,
      }));
    }
    case "evm":
      return checkEvm(text, checkpoint, trust, chain);
  }
}

async function checkEvm(
  text: string,
  checkpoint: string,
  trust: Extract<AnchorTrust, { kind: "evm" }>,
  { rpc, signal }: ChainAccess,
): Promise<ReceiptFinding> {
  const receipt = readEvmReceipt(text, checkpoint);
  if (typeof receipt === "string") return failed(receipt);
  const { chainId, blockNumber, txHash } = receipt;
  if (trust.chainId !== null && chainId !== trust.chainId)
    return failed(`it is of chain ${chainId}, not of ${trust.chainId}`);
  const claim = `transaction ${txHash} in block ${blockNumber} of chain ${chainId}`;
  if (!rpc) return unknown(`it claims ${claim}: name a node with --rpc to look there`);
  try {
    const place = await checkOnChain(receipt, rpc, signal);
    if (typeof place === "string") return failed(place);
    return place.confirmations >= trust.confirmations
      ? {
          status: "passed",
          at: place.at,
          message: `${claim} of ${isoTime(place.at)}, ${place.confirmations} blocks deep`,
        }
      : unknown(`${claim} is ${place.confirmations} blocks deep, ${trust.confirmations} are wanted`);
  } catch (error) {
    return unknown(`${claim} could not be looked up: ${toCascadeError(error).message}`);
  }
}

function outcome<Good>(
  checked: Good | string,
  say: (good: Good) => Pick<ReceiptFinding, "at" | "message">,
): ReceiptFinding {
  return typeof checked === "string" ? failed(checked) : { status: "passed", ...say(checked) };
}

function failed(message: string): ReceiptFinding {
  return { status: "failed", message };
}

function unknown(message: string): ReceiptFinding {
  return { status: "unknown", message };
}
