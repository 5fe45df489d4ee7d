import type { AnchorKind } from "../../domain/anchor.ts";
import type { LogEntry } from "../../domain/bundle.ts";
import { isoTime } from "../../kernel/clock.ts";
import { CLOCK_SKEW_MS } from "../clock-skew.ts";
import type { Finding } from "../finding.ts";
import { parseHash } from "../tlog/fields.ts";
import { verifyConsistency } from "../tlog/merkle.ts";
import type { NoteKey } from "../tlog/note.ts";
import { readSignedCheckpoint } from "../tlog/signed-checkpoint.ts";
import {
  type AnchorTrust,
  type ChainAccess,
  checkReceipt,
  type Receipt,
  type ReceiptFinding,
} from "./receipt-check.ts";

/** A receipt that was kept, and how its head continues the one in the proof file. */
export interface KeptReceipt extends Receipt {
  /** In base64, from the head in the proof file to the one of the receipt; null when it is not at hand. */
  consistency: readonly string[] | null;
}

export interface AnchorRequirements {
  /** Each of them is to be met by one receipt at least. */
  kinds: readonly AnchorKind[];
  trusted: readonly AnchorTrust[];
  /** What was kept of heads that cover the head of the entry. */
  receiptsOver(entry: LogEntry): Promise<readonly KeptReceipt[]>;
  chain: ChainAccess;
  /** When the run finished, by its statement, in ms; null for a statement that is about no end of a run. */
  finishedAt: number | null;
}

/** One finding for each kind of anchor that is required of an entry under one of these logs. Rejects only when reading does. */
export async function checkRequirements(
  entry: LogEntry,
  logs: readonly NoteKey[],
  { kinds, trusted, receiptsOver, chain, finishedAt }: AnchorRequirements,
): Promise<Finding[]> {
  const receipts = await receiptsOver(entry);
  return Promise.all(
    kinds.map(async (kind): Promise<Finding> => {
      const own = receipts.filter((receipt) => receipt.kind === kind);
      const whom = trusted.filter((trust) => trust.kind === kind);
      if (own.length === 0) return { check: kind, status: "unknown", message: "no receipt of it is at hand" };
      if (whom.length === 0) return { check: kind, status: "unknown", message: "whom to trust for it was not given" };
      const findings = await Promise.all(own.flatMap((receipt) => whom.map((trust) => check(receipt, trust))));
      // One that is good is enough. Of the others, one that could not be checked weighs less than one that is wrong.
      const by = (status: Finding["status"]) => findings.find((finding) => finding.status === status);
      return { check: kind, ...(by("passed") ?? by("failed") ?? findings[0]!) };
    }),
  );

  async function check(receipt: KeptReceipt, trust: AnchorTrust): Promise<ReceiptFinding> {
    const head = continued(entry, logs, receipt);
    if ("status" in head) return { ...head, message: `${receipt.name}: ${head.message}` };
    const { status, message, at } = await checkReceipt(receipt, trust, chain);
    const said = `${receipt.name}, of ${head.size} leaves: ${message}`;
    // What is in a head was there before anyone saw that head: one of the two clocks is wrong, or was lied about.
    const isTooEarly = at !== undefined && finishedAt !== null && at < finishedAt - CLOCK_SKEW_MS;
    if (!isTooEarly) return { status, message: said };
    return { status: "failed", message: `${said}, before the run had finished, at ${isoTime(finishedAt)}` };
  }
}

/** The head of a receipt, when it covers what the proof file's head covers. */
function continued(entry: LogEntry, logs: readonly NoteKey[], receipt: KeptReceipt): { size: number } | ReceiptFinding {
  const log = logs.find((key) => readSignedCheckpoint(entry.checkpoint, key));
  const head = log && readSignedCheckpoint(receipt.checkpoint, log);
  if (!head) return { status: "failed", message: "its head is not signed by the trusted log of the proof" };
  if (receipt.consistency === null)
    return { status: "unknown", message: "how its head continues that of the proof is not at hand" };
  const path = receipt.consistency.map(parseHash);
  const fromRoot = parseHash(entry.root);
  const problem =
    fromRoot && path.every((hash) => hash !== undefined)
      ? verifyConsistency({ from: entry.size, to: head.size, path, fromRoot, toRoot: head.root })
      : "a hash is not the base64 of 32 bytes";
  if (problem === undefined) return { size: head.size };
  return { status: "failed", message: `its head does not continue that of the proof: ${problem}` };
}
