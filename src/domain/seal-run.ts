import { invariant } from "../kernel/assert.ts";
import { sha256 } from "../kernel/digest.ts";
import { statementPae } from "./dsse.ts";
import type { SealedStatement } from "./bundle.ts";
import type { Proof } from "./proof.ts";
import { type EndedRun, type StatementFacts, statementOf, statementText } from "./statement.ts";

/** What sealing needs of a signer: ECDSA P-256 with SHA-256, DER, over the bytes given. */
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
  const sealed = await sealStatement(statement, seal);
  return {
    runId: run.id,
    workflow: run.workflow,
    runNumber: facts.runNumber,
    previousProof: facts.previousProof,
    ...sealed,
    digest: sha256(statement),
    endedAt,
  };
}

/** Signs the RFC 8785 text of a statement. */
export async function sealStatement(statement: string, seal: Seal): Promise<SealedStatement> {
  const signature = await seal.sign(statementPae(statement));
  return { statement, signature: Buffer.from(signature).toString("base64"), keyId: seal.keyId };
}
