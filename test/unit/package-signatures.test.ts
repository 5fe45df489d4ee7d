import { gzipSync } from "node:zlib";
import { Header } from "tar";
import { describe, expect, it } from "vitest";
import { withSignatures } from "../../src/adapters/archive/sign-archive.ts";
import { isSignedBy } from "../../src/adapters/signing/public-key.ts";
import { checkSignature, signatureLimits, signaturePath } from "../../src/domain/package-signature.ts";
import { packageStatement, packageStatementText } from "../../src/domain/package-statement.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import type { PackageContent } from "../../src/ports/package-archive.ts";
import { signatureBy, signedBy, testKey } from "../support/package-keys.ts";
import { testArchive } from "../support/checks.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const archive = testArchive();
const ann = testKey("ann");
const bob = testKey("bob", "Ed25519");
const tool = { "tool.sh": { text: "#!/bin/sh\n", mode: 0o755 } };
const { content, bytes: unsigned } = tinyPackage({ assets: tool });

async function read(bytes: Buffer): Promise<PackageContent> {
  const reading = await archive.read(bytes);
  if (reading.kind !== "whole") throw reading.error;
  return reading.content;
}

async function verdict(bytes: Buffer): Promise<string> {
  const reading = await archive.read(bytes);
  return reading.kind === "whole" ? "whole" : `${reading.kind} ${reading.error.code}`;
}

interface Entry {
  path: string;
  bytes: Buffer;
  mode?: number;
  type?: "File" | "SymbolicLink";
}

function pack(entries: readonly Entry[]): Buffer {
  const blocks = entries.flatMap(({ path, bytes, mode = 0o644, type = "File" }) => {
    const link = type === "SymbolicLink" ? { linkpath: "/etc/passwd" } : {};
    const header = new Header({ path, mode, size: bytes.length, type, ...link });
    header.encode();
    return [header.block!, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

/** The entries of the signed package, to be altered. */
async function entries(): Promise<Entry[]> {
  const { keyId, bundle } = await signatureBy(ann, content);
  return [
    { path: "manifest.json", bytes: content.manifestBytes },
    ...content.manifest.files.map(({ path, mode }) => ({ path, bytes: content.files.get(path)!, mode })),
    { path: signaturePath(keyId), bytes: Buffer.from(bundle) },
  ];
}

describe("a signed package", () => {
  it("has the digest that it had unsigned, and its signatures by key", async () => {
    const signed = await read(await signedBy(content, ann, bob));
    expect(signed.digest).toBe(content.digest);
    expect(signed.signatures.map(({ keyId }) => keyId)).toEqual([ann.keyId, bob.keyId].sort());
    expect([...signed.files.keys()]).toEqual(content.manifest.files.map(({ path }) => path));
  });

  it("is the same file whoever signed first", async () => {
    const [a, b] = [await signatureBy(ann, content), await signatureBy(bob, content)];
    expect(withSignatures(content, [a, b])).toEqual(withSignatures(content, [b, a]));
    expect(withSignatures(await read(withSignatures(content, [a, b])), [])).toEqual(unsigned);
  });

  it.each<[string, (entries: Entry[]) => unknown, string]>([
    ["as it is", () => undefined, "whole"],
    [
      "with an extra file",
      (all) => all.push({ path: "assets/extra", bytes: Buffer.from("x") }),
      "broken PACKAGE_UNSAFE",
    ],
    [
      "with another file beside the signatures",
      (all) => all.push({ path: "signatures/README", bytes: Buffer.from("x") }),
      "broken PACKAGE_UNSAFE",
    ],
    [
      "with a signature below a folder",
      (all) => all.push({ path: `signatures/a/${ann.keyId}.sigstore.json`, bytes: Buffer.from("x") }),
      "broken PACKAGE_UNSAFE",
    ],
    [
      "with a changed mode",
      (all) => (all.find(({ path }) => path === "bundle.mjs")!.mode = 0o755),
      "broken PACKAGE_CORRUPT",
    ],
    [
      "with a mode taken away",
      (all) => (all.find(({ path }) => path === "assets/tool.sh")!.mode = 0o644),
      "broken PACKAGE_CORRUPT",
    ],
    [
      "packed again under another umask",
      (all) => all.forEach((entry) => (entry.mode = (entry.mode ?? 0o644) & 0o700)),
      "whole",
    ],
    [
      "with a changed file",
      (all) => (all[2] = { ...all[2]!, bytes: Buffer.from(all[2]!.bytes.map((byte) => byte ^ 1)) }),
      "broken PACKAGE_CORRUPT",
    ],
    [
      "with a symbolic link",
      (all) => (all[1] = { ...all[1]!, type: "SymbolicLink", bytes: Buffer.alloc(0) }),
      "broken PACKAGE_UNSAFE",
    ],
    ["with a signature that is a link", (all) => (all.at(-1)!.type = "SymbolicLink"), "broken PACKAGE_UNSAFE"],
    [
      "with a path that leads out",
      (all) => all.push({ path: "../evil", bytes: Buffer.from("x") }),
      "broken PACKAGE_UNSAFE",
    ],
    [
      "with a signature's path that leads out",
      (all) => all.push({ path: `signatures/../${ann.keyId}.sigstore.json`, bytes: Buffer.from("x") }),
      "broken PACKAGE_UNSAFE",
    ],
    ["with an entry twice", (all) => all.push(all[1]!), "broken PACKAGE_UNSAFE"],
    ["with a signature twice", (all) => all.push(all.at(-1)!), "broken PACKAGE_UNSAFE"],
    ["with a signature before the manifest", (all) => all.unshift(all.pop()!), "broken PACKAGE_INVALID"],
    [
      "with too large a signature",
      (all) => (all.at(-1)!.bytes = Buffer.alloc(signatureLimits.bytes + 1, 0x20)),
      "broken PACKAGE_TOO_LARGE",
    ],
    [
      "with too many signatures",
      (all) => {
        for (let n = 0; n < signatureLimits.count; n++)
          all.push({ path: signaturePath(sha256(`key ${n}`)), bytes: Buffer.from("{}") });
      },
      "broken PACKAGE_TOO_LARGE",
    ],
  ])("%s", async (_, alter, expected) => {
    const altered = await entries();
    alter(altered);
    expect(await verdict(pack(altered))).toBe(expected);
  });

  it("cannot be given more signatures than a package may have", () => {
    const many = Array.from({ length: signatureLimits.count + 1 }, (_, n) => ({ keyId: sha256(`${n}`), bundle: "{}" }));
    expect(() => withSignatures(content, many)).toThrow(/more than 16/);
  });
});

describe("a signature", () => {
  const keys = new Map([ann, bob].map((key) => [key.keyId, key.publicKey]));
  const other = tinyPackage({ version: "2.0.0" }).content;
  const check = (signature: { keyId: string; bundle: string }, of = content) => {
    const { verdict, problem } = checkSignature(signature, of, (keyId) => keys.get(keyId), isSignedBy);
    return verdict === "bad" ? problem : verdict;
  };

  it.each([ann, bob])("of a known key on this package is good (%#)", async (key) => {
    expect(check(await signatureBy(key, content))).toBe("good");
  });

  it("of a key that nobody knows is unknown", async () => {
    expect(check(await signatureBy(testKey("eve"), content))).toBe("unknown");
  });

  it.each<[string, () => Promise<{ keyId: string; bundle: string }>, RegExp]>([
    ["that is on another package", () => signatureBy(ann, other), /it is about package/],
    [
      "whose file names another key",
      async () => ({ ...(await signatureBy(ann, content)), keyId: bob.keyId }),
      /it names key/,
    ],
    [
      "that another key made",
      async () => {
        const { bundle } = await signatureBy(testKey("eve"), content);
        const { keyId } = JSON.parse(bundle).dsseEnvelope.signatures[0].keyid === "" ? bob : ann;
        return { keyId, bundle: bundle.replaceAll(/[0-9a-f]{64}/g, keyId) };
      },
      /not made by the key/,
    ],
    [
      "over something else that the key has signed",
      () => signatureBy(ann, content, () => '{"predicate":{}}'),
      /no statement about a package/,
    ],
    [
      "that says another version",
      () => signatureBy(ann, content, (text) => text.replace('"1.0.0"', '"9.0.0"')),
      /does not agree/,
    ],
    [
      "with a further claim",
      () => signatureBy(ann, content, (text) => text.replace('{"createdOn"', '{"also":1,"createdOn"')),
      /does not agree/,
    ],
    ["that is no bundle", async () => ({ keyId: ann.keyId, bundle: "{}" }), /mediaType/],
    ["that is no JSON", () => signatureBy(ann, content, () => "x"), /not JSON/],
  ])("%s is bad", async (_, make, reason) => expect(check(await make())).toMatch(reason));

  it("is over an in-toto statement whose subject is the manifest, in RFC 8785 bytes", () => {
    const text = packageStatementText(packageStatement(content.manifest, content.digest, 0));
    expect(JSON.parse(text)).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "manifest.json", digest: { sha256: content.digest } }],
      predicateType: "urn:cascade:attestation:package:v1",
      predicate: {
        name: "tiny",
        version: "1.0.0",
        fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/),
        filesDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
        createdOn: "1970-01-01T00:00:00.000Z",
      },
    });
  });
});
