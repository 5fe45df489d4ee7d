/** A transaction as it is signed: EIP-1559, without a value, from the wallet to itself. Amounts are in wei. */
export interface EvmTransaction {
  chainId: number;
  nonce: number;
  gasLimit: bigint;
  maxFeePerGas: bigint;
  maxPriorityFeePerGas: bigint;
  /** `0x` and hex digits. */
  data: string;
}

/** The key of one account. */
export interface EvmWallet {
  /** `0x` and 40 hex digits. */
  readonly address: string;
  /** The signed transaction as it is sent, and its hash; both `0x` and hex digits. */
  sign(transaction: EvmTransaction): Promise<{ raw: string; hash: string }>;
}
