import { invariant } from "../kernel/assert.ts";
import { sha256 } from "../kernel/digest.ts";
import { statementPae } from "./dsse.ts";
import type { Proof } from "./proof.ts";
import { type EndedRun, type StatementFacts, statementOf, statementText } from "./statement.ts";

/** What sealing needs of a signer: a signature of its key over the bytes given. */
export interface Seal {
  readonly keyId: string;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/**
 * The proof of an ended run, for the change that ends it. A signature is random, so a run is sealed once and what came of it
 * is stored; never sealed again. Rejects only when the signer does.
 */
export async function sealRun(run: EndedRun, facts: StatementFacts, seal: Seal): Promise<Proof> {
  const { endedAt } = run.head;
  invariant(endedAt !== null, `run ${run.id} has ended`);
  const statement = statementText(statementOf(run, facts));
  const signature = await seal.sign(statementPae(statement));
  return {
    runId: run.id,
    workflow: run.workflow,
    runNumber: facts.runNumber,
    previousProof: facts.previousProof,
    statement,
    digest: sha256(statement),
    signature: Buffer.from(signature).toString("base64"),
    keyId: seal.keyId,
    endedAt,
  };
}
