import { type Digest, sha256 } from "../kernel/digest.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { Proof, ProofHead } from "./proof.ts";

/** The chain of a workflow before its first run. */
export const CHAIN_START: ProofHead = { runNumber: 0, digest: null };

/** One link further: where the chain ends now, and what is wrong with the link. */
export function followChain(end: ProofHead, proof: Proof): { end: ProofHead; problems: readonly string[] } {
  const { runNumber, statement } = proof;
  const digest = sha256(statement);
  const problems: string[] = [];
  if (runNumber !== end.runNumber + 1) {
    const [first, last] = [end.runNumber + 1, runNumber - 1];
    problems.push(first === last ? `run ${first} has no proof` : `runs ${first} to ${last} have no proof`);
  } else if (proof.previousProof !== end.digest) {
    const named = shown(proof.previousProof);
    problems.push(`the proof of run ${runNumber} names ${named} as the one before it, which is ${shown(end.digest)}`);
  }
  if (digest !== proof.digest || !says(statement, proof)) {
    problems.push(`the statement of run ${runNumber} is not the one that was stored with its proof`);
  }
  return { end: { runNumber, digest }, problems };
}

/** Whether what is signed names the place in the chain that the proof is stored under. */
function says(statement: string, { runNumber, previousProof }: Proof): boolean {
  try {
    const { predicate } = JSON.parse(statement) as { predicate?: { outcome?: unknown } };
    const outcome = predicate?.outcome;
    return isJsonObject(outcome) && outcome["runNumber"] === runNumber && outcome["previousProof"] === previousProof;
  } catch {
    return false;
  }
}

function shown(digest: Digest | null): string {
  return digest === null ? "none" : digest.slice(0, 12);
}
