import type { SealedStatement } from "./sealed-statement.ts";

/** A statement at its place in the order of the transparency log. */
export interface StoredStatement extends SealedStatement {
  /** Counts from 1 without gaps, over all logs. */
  id: number;
  /** Its file below `proofs/`. */
  file: string;
}

/** A signed head of the log. */
export interface TlogHead {
  /** How many leaves it covers. */
  size: number;
  /** The signed note, as it is published. */
  checkpoint: string;
}

/**
 * A transparency log: leaf 0 is the statement that opened it, leaf `n` is statement `firstStatement + n`. When a log cannot go
 * on, another one with another origin and key begins with the statements that the former one does not hold.
 */
export interface Tlog {
  /** A host name, which is also the name of the log's key. */
  origin: string;
  /** Its Ed25519 key as `name+hash+key`, see https://c2sp.org/signed-note. */
  vkey: string;
  firstStatement: number;
  /** Leaves below it are pruned: a multiple of 256. */
  minimumIndex: number;
  openedAt: number;
}
