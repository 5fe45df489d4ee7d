import { join } from "node:path";
import { bundleText } from "../../domain/bundle.ts";
import { rotationStatementText } from "../../domain/rotation-statement.ts";
import { signStatement } from "../../domain/sealed-statement.ts";
import { writeFileAtomic } from "../../kernel/atomic-file.ts";
import type { Digest } from "../../kernel/digest.ts";
import { newKeyPair, privateKeyPath, publicKeyPath, readPrivateKey, signerOf, writeNew } from "./key-files.ts";
import { type PublicKey, publicKeyOf } from "./public-key.ts";

export interface Rotation {
  former: PublicKey;
  next: PublicKey;
  /** The statement that the new key takes the former one's place: one bundle signed by each of them. */
  statements: readonly [string, string];
  /** Where the former private key lies now. */
  formerPath: string;
}

/**
 * Puts a new key of the same kind in the place of `NAME.pem` and `NAME.pub.pem`, keeps the former pair under another name, and
 * has both sign the change. A crash leaves either key in place. Throws `KEY_UNREADABLE`, `KEY_EXISTS` or `CANNOT_CREATE`.
 */
export async function rotateKeyFile(
  folder: string,
  name: string,
  options: { formerName: (keyId: Digest) => string; now: number },
): Promise<Rotation> {
  const formerKey = readPrivateKey(privateKeyPath(folder, name));
  const former = publicKeyOf(formerKey)!;
  const { privateKey, publicKey: next } = newKeyPair(former.algorithm);
  const formerName = options.formerName(former.keyId);
  const pem = (key: typeof privateKey) => key.export({ type: "pkcs8", format: "pem" }).toString();
  writeNew(privateKeyPath(folder, formerName), pem(formerKey), 0o600);
  writeNew(publicKeyPath(folder, formerName), former.pem, 0o644);

  const statement = rotationStatementText({ former, next, at: options.now });
  const base = join(folder, `${name}.rotated-${next.keyId.slice(0, 16)}`);
  const statements = [`${base}.by-former.sigstore.json`, `${base}.by-new.sigstore.json`] as const;
  writeNew(statements[0], bundleText({ ...(await signStatement(statement, signerOf(formerKey))), entry: null }), 0o644);
  writeNew(
    statements[1],
    bundleText({ ...(await signStatement(statement, signerOf(privateKey))), entry: null }),
    0o644,
  );
  writeFileAtomic(privateKeyPath(folder, name), pem(privateKey), { mode: 0o600 });
  writeFileAtomic(publicKeyPath(folder, name), next.pem, { mode: 0o644 });
  return { former, next, statements, formerPath: privateKeyPath(folder, formerName) };
}
