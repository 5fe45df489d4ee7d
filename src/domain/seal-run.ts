import { invariant } from "../kernel/assert.ts";
import type { Proof } from "./proof.ts";
import { type Seal, sealStatement } from "./sealed-statement.ts";
import { type EndedRun, type StatementFacts, statementOf, statementText } from "./statement.ts";

/**
 * The proof of an ended run, for the change that ends it. A signature is random, so a run is sealed once and what came of it
 * is stored; never sealed again. Rejects only when a signer that signs at once does.
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
    endedAt,
  };
}
