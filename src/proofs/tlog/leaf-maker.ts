import { createPublicKey } from "node:crypto";
import type { SignedStatement } from "../../domain/sealed-statement.ts";
import { sha256 } from "../../kernel/digest.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { leafBody } from "./leaf.ts";

/** The body of a statement's leaf. Throws `KEY_MISSING` when the public key that it was signed with is not there. */
export type LeafMaker = (statement: SignedStatement) => Buffer;

/** Makes leaves of statements that were signed with one of these keys, given as SPKI PEM. */
export function createLeafMaker(publicKeys: readonly string[]): LeafMaker {
  const byId = new Map<string, Buffer>();
  for (const pem of publicKeys) {
    const der = createPublicKey(pem).export({ type: "spki", format: "der" });
    byId.set(sha256(der), der);
  }
  return ({ statement, signature, keyId }) => {
    const publicKey = byId.get(keyId);
    if (publicKey) return leafBody({ statement, signature, publicKey });
    throw new CascadeError(
      "KEY_MISSING",
      `the public key ${keyId}, which statements were signed with, is not in keys/`,
      {
        hint: "Put it back there as former-<key id>.pub.pem: the transparency log names the key of every statement.",
      },
    );
  };
}
