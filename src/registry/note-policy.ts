import { type PolicyInForce, policyStatementText } from "../domain/policy-statement.ts";
import { type Seal, sealStatement } from "../domain/sealed-statement.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { RegistryStore } from "../ports/store.ts";

export interface NotePolicyPorts {
  store: Pick<RegistryStore, "policyInForce">;
  writer: ChangeWriter;
  seal: Seal;
  /** A URI for this engine. */
  engine: string;
}

/**
 * Puts a change of the trust policy into the order of the log, before anything is judged by the new one: whoever weakens it for
 * an hour cannot take that back. Nothing is written when the policy is the one that held before.
 */
export async function notePolicy(
  { store, writer, seal, engine }: NotePolicyPorts,
  policy: PolicyInForce | null,
  at: number,
): Promise<void> {
  const from = (await store.policyInForce())?.digest ?? null;
  const [to, uri] = [policy?.digest ?? null, policy?.uri ?? null];
  if (from === to) return;
  const text = policyStatementText({ from, to, uri, engine, at });
  const statement = await sealStatement(text, seal);
  const verdict = await writer.submit({ type: "change_policy", noted: { from, to, uri, at, statement } });
  if (!verdict.ok) {
    throw new CascadeError("STORE_FAILED", `the change of the trust policy was not recorded: ${verdict.message}`);
  }
}
