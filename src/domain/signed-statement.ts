import { type Digest, sha256 } from "../kernel/digest.ts";
import { statementPae } from "./dsse.ts";

/** What sealing needs of a signer: a signature of its key over the bytes given. */
export interface Seal {
  readonly keyId: string;
  sign(bytes: Uint8Array): Promise<Uint8Array>;
}

/** A statement with its signature, as it is stored. */
export interface SignedStatement {
  /** RFC 8785 bytes: the DSSE payload. */
  statement: string;
  /** SHA-256 of the statement. */
  digest: Digest;
  /** Base64 of the signature over the DSSE pre-authentication encoding. */
  signature: string;
  /** Hex SHA-256 of the public key's SPKI DER. */
  keyId: Digest;
}

/** Signs a statement once. Rejects only when the signer does. */
export async function signStatement(statement: string, seal: Seal): Promise<SignedStatement> {
  const signature = await seal.sign(statementPae(statement));
  return {
    statement,
    digest: sha256(statement),
    signature: Buffer.from(signature).toString("base64"),
    keyId: seal.keyId,
  };
}
