import { HELD_MAX } from "../protocol.ts";

const CLAIMED = 0;
const REVOKED = 1;

/**
 * Decides once for each attempt whether it begins or goes back, between two threads: a cell holds the number of the
 * attempt that was last decided in it, and how. Attempts that are held together never share a cell.
 */
export interface Claims {
  /** True when the attempt may begin; it can then no longer be revoked. */
  claim(n: number): boolean;
  /** True when the attempt will never begin. */
  revoke(n: number): boolean;
}

export function createClaims(memory: SharedArrayBuffer): Claims {
  const cells = new Int32Array(memory);
  const decide = (n: number, decision: number): number => {
    for (;;) {
      const cell = n % HELD_MAX;
      const seen = Atomics.load(cells, cell);
      if (seen >> 1 === n) return seen & 1;
      if (Atomics.compareExchange(cells, cell, seen, (n << 1) | decision) === seen) return decision;
    }
  };
  return {
    claim: (n) => decide(n, CLAIMED) === CLAIMED,
    revoke: (n) => decide(n, REVOKED) === REVOKED,
  };
}

export function claimMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(HELD_MAX * Int32Array.BYTES_PER_ELEMENT);
}
