/** Signs proofs. */
export interface Signer {
  /** Hex SHA-256 of the public key's SPKI DER. */
  readonly keyId: string;
  /** The public key as SPKI PEM. */
  readonly publicKey: string;
  /** ECDSA P-256 with SHA-256, DER, over the bytes given. */
  sign(bytes: Uint8Array): Promise<Buffer>;
}
