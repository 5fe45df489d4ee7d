/** Signs the heads of one transparency log. */
export interface TlogSigner {
  /** Name of the log and of its key: a host name. */
  readonly origin: string;
  /** The raw Ed25519 public key. */
  readonly publicKey: Buffer;
  /** Ed25519 over the bytes given: equal bytes always give an equal signature. */
  sign(bytes: Uint8Array): Promise<Buffer>;
}

/** The keys of the logs of a data folder. Rejects with `KEY_UNREADABLE` or `CANNOT_CREATE`. */
export interface TlogKeys {
  /** The key of a log; undefined when it is not there. */
  open(origin: string): Promise<TlogSigner | undefined>;
  /** Makes the key of a new log. Without an origin, the log is named by its key: `<16 hex digits>.cascade.internal`. */
  create(origin: string | null): Promise<TlogSigner>;
}
