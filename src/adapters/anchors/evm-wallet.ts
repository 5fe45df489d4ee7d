import { readFileSync, statSync } from "node:fs";
import { CascadeError } from "../../kernel/errors.ts";
import type { EvmWallet } from "../../ports/evm-wallet.ts";

/**
 * The account whose private key, 32 bytes in hex, lies in a file that no one else may read. `ethers` is loaded with it: it is not
 * installed with Cascade, because few need it. Throws `KEY_UNREADABLE`, which never tells what the file holds.
 */
export async function openEvmWallet(keyFile: string): Promise<EvmWallet> {
  const key = readKey(keyFile);
  const { Wallet } = await import("ethers").catch((error: unknown) => {
    throw new CascadeError("ANCHOR_UNREACHABLE", "an evm anchor needs the package ethers, which is not installed", {
      cause: error,
      hint: "Install it beside Cascade: npm install ethers@6.",
    });
  });
  let wallet: InstanceType<typeof Wallet>;
  try {
    wallet = new Wallet(key);
  } catch {
    throw new CascadeError("KEY_UNREADABLE", `${keyFile} does not hold the private key of an account`, {
      hint: "Put 64 hex digits into it and nothing else.",
    });
  }
  return {
    address: wallet.address.toLowerCase(),
    async sign({ gasLimit, ...transaction }) {
      const raw = await wallet.signTransaction({ ...transaction, gasLimit, type: 2, to: wallet.address, value: 0n });
      const { Transaction } = await import("ethers");
      return { raw, hash: Transaction.from(raw).hash! };
    },
  };
}

/** Throws `KEY_UNREADABLE` when others may read the file, or nobody. */
export function readKey(path: string): string {
  let key: string;
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & 0o077) !== 0) {
      throw new CascadeError("KEY_UNREADABLE", `others may read ${path}`, { hint: `Run: chmod 0600 ${path}` });
    }
    key = readFileSync(path, "utf8").trim();
  } catch (error) {
    if (error instanceof CascadeError) throw error;
    throw new CascadeError("KEY_UNREADABLE", `${path} cannot be read`, {
      cause: error,
      hint: `Make ${path} readable for the daemon's user alone, mode 0600.`,
    });
  }
  return key.startsWith("0x") ? key : `0x${key}`;
}
