import { generateKeyPairSync, sign } from "node:crypto";
import { digestFor, publicKeyOf } from "../../src/adapters/signing/public-key.ts";
import { withSignatures } from "../../src/adapters/archive/sign-archive.ts";
import { bundleText } from "../../src/domain/bundle.ts";
import type { PackageSignature } from "../../src/domain/package-signature.ts";
import { packageStatement, packageStatementText } from "../../src/domain/package-statement.ts";
import { signStatement } from "../../src/domain/sealed-statement.ts";
import type { FolderRule, PackageKey, TrustPolicy } from "../../src/domain/trust-policy.ts";
import { canonicalBytes } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import type { PackageContent } from "../../src/ports/package-archive.ts";
import type { Signer } from "../../src/ports/signer.ts";

export interface TestKey extends PackageKey {
  signer: Signer;
  /** PKCS#8 PEM. */
  privateKey: string;
}

/** A key pair that lives as long as the test. */
export function testKey(name: string, algorithm: "P-256" | "Ed25519" = "P-256"): TestKey {
  const { privateKey } =
    algorithm === "P-256" ? generateKeyPairSync("ec", { namedCurve: "P-256" }) : generateKeyPairSync("ed25519");
  const { keyId, pem } = publicKeyOf(privateKey)!;
  return {
    name,
    keyId,
    publicKey: pem,
    notBefore: null,
    notAfter: null,
    privateKey: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    signer: {
      keyId,
      publicKey: pem,
      sign: async (bytes) => sign(digestFor(privateKey), bytes, { key: privateKey, dsaEncoding: "der" }),
    },
  };
}

/** A signature by a key on a package, or on what a forger makes of its statement. */
export async function signatureBy(
  key: TestKey,
  { manifest, digest }: Pick<PackageContent, "manifest" | "digest">,
  forge: (statement: string) => string = (statement) => statement,
): Promise<PackageSignature> {
  const statement = forge(packageStatementText(packageStatement(manifest, digest, 1_790_000_000_000)));
  return { keyId: key.keyId, bundle: bundleText({ ...(await signStatement(statement, key.signer)), entry: null }) };
}

/** The `.cascade` file of a package with signatures of these keys. */
export async function signedBy(content: PackageContent, ...keys: readonly TestKey[]): Promise<Buffer> {
  return withSignatures(content, await Promise.all(keys.map((key) => signatureBy(key, content))));
}

/** A policy with one rule for one folder: closed, and one signature by any of the keys is enough. */
export function trustPolicy(
  keys: readonly PackageKey[],
  rule: Partial<FolderRule> & { path: string },
  revoked: { keys?: readonly string[]; packages?: readonly string[] } = {},
): TrustPolicy {
  const folder: FolderRule = {
    names: ["*"],
    keys: keys.map(({ keyId }) => keyId),
    threshold: 1,
    unsigned: "refuse",
    rollback: "refuse",
    ...rule,
  };
  const content = {
    keys: new Map(
      keys.map(({ name, keyId, publicKey, notBefore, notAfter }) => [
        keyId,
        { name, keyId, publicKey, notBefore, notAfter },
      ]),
    ),
    folders: [folder],
    revoked: { keys: new Set(revoked.keys), packages: new Set(revoked.packages) },
  };
  const digest = sha256(
    canonicalBytes([...content.keys.values(), folder, ...content.revoked.keys, ...content.revoked.packages]),
  );
  return { uri: "file:///etc/cascade/trust.toml", digest, ...content };
}
