import type { Change, Verdict } from "../domain/change.ts";
import { keyStatementText } from "../domain/key-statement.ts";
import { signStatement } from "../domain/signed-statement.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import type { Signer } from "../ports/signer.ts";
import type { TlogStore } from "../ports/store.ts";

/** What of a store is needed before the engine writes. */
interface KeyStore extends Pick<TlogStore, "lastStatementId" | "statements"> {
  commit(changes: readonly Change[]): Promise<readonly Verdict[]>;
}

/**
 * Puts a change of the signing key into the order of the log, before anything else is signed with the new one, so that its
 * place there says from when on it counts. To be called before the engine starts.
 */
export async function noteKey(store: KeyStore, signer: Signer, at: number): Promise<void> {
  const [last] = await store.statements([await store.lastStatementId()]);
  if (!last || last.keyId === signer.keyId) return;
  const signed = await signStatement(keyStatementText(signer.keyId, last.keyId, at), signer);
  await store.commit([{ type: "add_statement", statement: { ...signed, file: attestationFileName(signed.digest) } }]);
}
