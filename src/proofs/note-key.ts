import type { Change, Verdict } from "../domain/change.ts";
import { keyStatementText } from "../domain/key-statement.ts";
import { type Seal, sealStatement } from "../domain/sealed-statement.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import type { TlogStore } from "../ports/store.ts";

/** What of a store is needed before the engine writes. */
interface KeyStore extends Pick<TlogStore, "lastStatementId" | "firstUnsignedId" | "statements"> {
  commit(changes: readonly Change[]): Promise<readonly Verdict[]>;
}

/**
 * Puts a change of the signing key into the order of the log, before anything else is signed with the new one, so that its
 * place there says from when on it counts. What waited for a signature of the former key waits for the new one from now on:
 * nothing of it was ever signed. To be called before the engine starts.
 */
export async function noteKey(store: KeyStore, seal: Seal, at: number): Promise<void> {
  const unsigned = await store.firstUnsignedId();
  const [waiting] = await store.statements([unsigned]);
  const [signed] = await store.statements([unsigned === 0 ? await store.lastStatementId() : unsigned - 1]);
  const last = waiting ?? signed;
  if (!last || last.keyId === seal.keyId) return;
  const note = signed && signed.keyId !== seal.keyId ? await noteOf(signed.keyId) : null;
  await store.commit([{ type: "change_key", keyId: seal.keyId, note }]);

  async function noteOf(former: string) {
    const sealed = await sealStatement(keyStatementText(seal.keyId, former, at), seal);
    return { ...sealed, file: attestationFileName(sealed.digest) };
  }
}
