import { invariant } from "../../kernel/assert.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { countProblem, parseHash } from "./fields.ts";
import type { Hash } from "./merkle.ts";

/** What a log says of itself at one size: the body of a signed note, https://c2sp.org/tlog-checkpoint. */
export interface Checkpoint {
  /** Names the log. */
  origin: string;
  /** How many leaves it has. */
  size: number;
  root: Hash;
}

/** The body that is signed: three lines, no extension lines, as monitors cannot audit those. */
export function formatCheckpoint({ origin, size, root }: Checkpoint): string {
  invariant(origin !== "" && !origin.includes("\n"), "an origin is one line");
  invariant(Number.isSafeInteger(size) && size >= 0, "a log's size is a safe integer that is not negative");
  invariant(root.length === 32, "a root is a SHA-256");
  return `${origin}\n${size}\n${root.toString("base64")}\n`;
}

/**
 * Reads the body of a note as a checkpoint; extension lines are passed over. Sizes over 2^53 - 1 are refused: the format
 * allows them, this program cannot count that far. Throws `PROOF_INVALID`.
 */
export function parseCheckpoint(body: string): Checkpoint {
  const lines = body.split("\n");
  if (lines.pop() !== "") throw invalid("its last line does not end");
  if (lines.includes("")) throw invalid("it has an empty line");
  const [origin, size, hash] = lines;
  if (origin === undefined || size === undefined || hash === undefined) {
    throw invalid("it has fewer lines than origin, size and root");
  }
  const problem = countProblem(size);
  if (problem !== undefined) throw invalid(`its size ${problem}`);
  const root = parseHash(hash);
  if (!root) throw invalid("its root is not the base64 of 32 bytes");
  return { origin, size: Number(size), root };
}

function invalid(reason: string): CascadeError {
  return new CascadeError("PROOF_INVALID", `this is not a checkpoint: ${reason}`);
}
