import { parseBundle } from "../domain/bundle.ts";
import type { Tlog } from "../domain/tlog.ts";
import { toCascadeError } from "../kernel/errors.ts";
import { checkLogEntry } from "./log-checks.ts";
import { sealedLeafProblem } from "./tlog/leaf.ts";
import { hashLeaf, type NodeReader } from "./tlog/merkle.ts";
import { parseVkey } from "./tlog/note.ts";

/** A log as it is now. */
export interface PresentLog {
  tlog: Tlog;
  /** Of its own head. */
  size: number;
  nodes: NodeReader;
}

/**
 * Why a proof file does not show that its statement is a leaf of one of these logs; undefined when it does, by itself and, unless
 * the leaf is pruned, by the hash that the log has in its place now. Rejects with `TLOG_DAMAGED` when that is missing.
 */
export async function fileLeafProblem(text: string, logs: readonly PresentLog[]): Promise<string | undefined> {
  let bundle;
  try {
    bundle = parseBundle(text);
  } catch (error) {
    return toCascadeError(error).message;
  }
  const { entry } = bundle;
  if (!entry) return "it has no place in the transparency log";
  const body = Buffer.from(entry.body, "base64");
  const keys = logs.map(({ tlog }) => parseVkey(tlog.vkey));
  const wrong = checkLogEntry(bundle, undefined, keys).find(({ status }) => status !== "passed")?.message;
  const problem = sealedLeafProblem(body, bundle) ?? wrong;
  if (problem !== undefined) return problem;
  const log = logs[keys.findIndex((key) => entry.checkpoint.startsWith(`${key.name}\n`))]!;
  if (entry.index < log.tlog.minimumIndex) return undefined;
  if (entry.index >= log.size) return `it is leaf ${entry.index} of a longer log than the present one`;
  const present = await log.nodes(0, entry.index);
  return present.equals(hashLeaf(body)) ? undefined : `leaf ${entry.index} of the present log is another one`;
}
