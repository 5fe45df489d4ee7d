import { invariant } from "../../kernel/assert.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { countProblem, parseBase64, parseHash } from "./fields.ts";
import type { Hash } from "./merkle.ts";

/** That a leaf is in a log, for someone who is offline: https://c2sp.org/tlog-proof. Files of it end in `.tlog-proof`. */
export interface TlogProof {
  /** What else a reader may need. Nothing vouches for it. */
  extra?: Buffer;
  /** Place of the leaf in the log, from 0. */
  index: number;
  /** From the leaf's sibling up to the root's child. */
  path: readonly Hash[];
  /** The checkpoint as a whole signed note, as it was received. */
  checkpoint: string;
}

const HEADER = "c2sp.org/tlog-proof@v1";

/** The text of a proof. An `extra` without bytes is left out. */
export function formatTlogProof({ extra, index, path, checkpoint }: TlogProof): string {
  invariant(Number.isSafeInteger(index) && index >= 0, "a leaf's index is a safe integer that is not negative");
  invariant(checkpoint !== "", "a proof has a checkpoint");
  const lines = [HEADER];
  if (extra && extra.length > 0) lines.push(`extra ${extra.toString("base64")}`);
  lines.push(`index ${index}`, ...path.map((hash) => hash.toString("base64")));
  return `${lines.join("\n")}\n\n${checkpoint}`;
}

/** Reads the one spelling of a proof. Neither path nor checkpoint is checked yet. Throws `PROOF_INVALID`. */
export function parseTlogProof(text: string): TlogProof {
  const split = text.indexOf("\n\n");
  if (split < 0) throw invalid("no blank line comes before its checkpoint");
  const checkpoint = text.slice(split + 2);
  if (checkpoint === "") throw invalid("it has no checkpoint");
  const lines = text.slice(0, split).split("\n");
  if (lines.shift() !== HEADER) throw invalid(`its first line is not ${HEADER}`);
  const extra = valueOf("extra", lines[0]);
  if (extra !== undefined) lines.shift();
  const index = valueOf("index", lines.shift());
  if (index === undefined) throw invalid("it has no index");
  const problem = countProblem(index);
  if (problem !== undefined) throw invalid(`its index ${problem}`);
  const proof = { index: Number(index), path: lines.map(readHash), checkpoint };
  return extra === undefined ? proof : { extra: readExtra(extra), ...proof };
}

function valueOf(name: string, line: string | undefined): string | undefined {
  return line?.startsWith(`${name} `) ? line.slice(name.length + 1) : undefined;
}

function readHash(line: string): Hash {
  const hash = parseHash(line);
  if (!hash) throw invalid("a line of its path is not the base64 of 32 bytes");
  return hash;
}

function readExtra(text: string): Buffer {
  const extra = parseBase64(text);
  if (!extra || extra.length === 0) throw invalid("its extra data is not the base64 of anything");
  return extra;
}

function invalid(reason: string): CascadeError {
  return new CascadeError("PROOF_INVALID", `this is not a proof of a transparency log: ${reason}`);
}
