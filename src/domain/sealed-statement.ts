import { type Digest, sha256 } from "../kernel/digest.ts";
import { statementPae } from "./dsse.ts";

/** A statement as it is stored, with the key that signs it; the signature itself may come later. */
export interface SealedStatement {
  /** RFC 8785 bytes: the DSSE payload. */
  statement: string;
  /** Base64 of the signature over the DSSE pre-authentication encoding; null while it is not signed. */
  signature: string | null;
  /** Hex SHA-256 of the public key's SPKI DER. */
  keyId: Digest;
}

export type SignedStatement<Sealed extends SealedStatement = SealedStatement> = Sealed & { signature: string };

/** A statement that was just sealed. */
export interface NewStatement extends SealedStatement {
  /** SHA-256 of the statement. */
  digest: Digest;
}

/** What signing needs of a signer: a signature of its key over the bytes given. */
export interface StatementSigner {
  readonly keyId: Digest;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** What sealing needs: the key, and what signs with it; null leaves each statement unsigned until its turn in the log. */
export interface Seal {
  readonly keyId: Digest;
  readonly sign: StatementSigner["sign"] | null;
}

export function isSigned<Sealed extends SealedStatement>(sealed: Sealed): sealed is SignedStatement<Sealed> {
  return sealed.signature !== null;
}

/** Signs a statement once. Rejects only when the signer does. */
export async function signStatement(
  statement: string,
  signer: StatementSigner,
): Promise<SignedStatement<NewStatement>> {
  const signature = Buffer.from(await signer.sign(statementPae(statement))).toString("base64");
  return { statement, digest: sha256(statement), signature, keyId: signer.keyId };
}

/** The statement as it is to be stored: signed, or to be signed later. Rejects only when the signer does. */
export async function sealStatement(statement: string, { keyId, sign }: Seal): Promise<NewStatement> {
  if (sign) return signStatement(statement, { keyId, sign });
  return { statement, digest: sha256(statement), signature: null, keyId };
}
