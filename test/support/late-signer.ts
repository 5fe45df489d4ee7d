import { CascadeError } from "../../src/kernel/errors.ts";
import type { Signer } from "../../src/ports/signer.ts";

/** What becomes of the n-th request, counted from 1: a signature, a failure, or no answer until it is given up. */
export type SignerMood = (request: number) => "sign" | "fail" | "hang";

/** A signer somewhere else, whose mood a test sets. */
export interface LateSigner extends Signer {
  mood: SignerMood;
  /** What was signed, by its bytes. */
  readonly signed: ReadonlyMap<string, number>;
  /** The most requests that were open at a time. */
  mostAtOnce(): number;
}

export function createLateSigner(signer: Signer): LateSigner {
  const signed = new Map<string, number>();
  let requests = 0;
  let open = 0;
  let most = 0;
  const late: LateSigner = {
    keyId: signer.keyId,
    publicKey: signer.publicKey,
    mood: () => "sign",
    signed,
    mostAtOnce: () => most,
    async sign(bytes, signal) {
      const mood = late.mood(++requests);
      most = Math.max(most, ++open);
      try {
        if (mood === "hang") await new Promise((resolve) => signal?.addEventListener("abort", resolve));
        else await new Promise((resolve) => setImmediate(resolve));
        if (mood !== "sign") throw new CascadeError("SIGNER_FAILED", `the signer is away: ${mood}`);
        const text = Buffer.from(bytes).toString();
        signed.set(text, (signed.get(text) ?? 0) + 1);
        return await signer.sign(bytes);
      } finally {
        open--;
      }
    },
  };
  return late;
}
