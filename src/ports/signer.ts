/** Signs proofs, statements and packages, whoever holds the key: a file, an agent, a program. */
export interface Signer {
  /** Hex SHA-256 of the public key's SPKI DER. */
  readonly keyId: string;
  /** The public key as SPKI PEM. */
  readonly publicKey: string;
  /**
   * Over the bytes given, by the kind of the key: ECDSA P-256 with SHA-256 in DER, or Ed25519; good under the public key. Rejects
   * with `SIGNER_FAILED`, also when it is given up by the signal.
   */
  sign(bytes: Uint8Array, signal?: AbortSignal): Promise<Buffer>;
}
