import { hash } from "node:crypto";
import { statementPae } from "../../domain/dsse.ts";
import { isSigned, type SealedStatement } from "../../domain/sealed-statement.ts";
import { invariant } from "../../kernel/assert.ts";
import { sha256 } from "../../kernel/digest.ts";
import { isJsonObject } from "../../kernel/json.ts";
import { ED25519_KEY_BYTES, ED25519_SPKI_PREFIX } from "./ed25519.ts";
import { parseBase64 } from "./fields.ts";

/** What a leaf speaks of: a signed statement and the key it verifies under. */
export interface LeafContent {
  /** RFC 8785 text. */
  statement: string;
  /** Base64: ECDSA in DER, Ed25519 as its 64 bytes. */
  signature: string;
  /** SPKI DER. */
  publicKey: Uint8Array;
}

export interface HashedRekord extends Omit<LeafContent, "statement"> {
  digest: string;
}

/** The kinds of key a leaf may name, by how the SPKI DER of every such key begins, and how long it is. */
const keyKinds = [
  {
    details: "PKIX_ECDSA_P256_SHA_256",
    prefix: Buffer.from("3059301306072a8648ce3d020106082a8648ce3d03010703420004", "hex"),
    length: 91,
  },
  { details: "PKIX_ED25519", prefix: ED25519_SPKI_PREFIX, length: ED25519_SPKI_PREFIX.length + ED25519_KEY_BYTES },
];

/**
 * The bytes that are logged: a `hashedrekord` 0.0.2 of Rekor v2 over the SHA-256 of the DSSE encoding, in RFC 8785 form. The
 * key is P-256 (uncompressed) or Ed25519.
 */
export function leafBody({ statement, signature, publicKey }: LeafContent): Buffer {
  return hashedRekordBody({ digest: hash("sha256", statementPae(statement), "base64"), signature, publicKey });
}

/** The bytes of a `hashedrekord` 0.0.2 of Rekor v2 in RFC 8785 form; digest (SHA-256) and signature are in base64. */
export function hashedRekordBody({ digest, signature, publicKey }: HashedRekord): Buffer {
  const keyDetails = keyDetailsOf(publicKey);
  invariant(keyDetails !== undefined, "a leaf names a P-256 or Ed25519 key");
  invariant(parseBase64(signature) !== undefined, "a leaf holds its signature in base64");
  const rawBytes = Buffer.from(publicKey).toString("base64");
  // Keys in the order of RFC 8785 and no value that needs escapes, so that neither sorting nor a parser is needed.
  return Buffer.from(
    `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{` +
      `"data":{"algorithm":"SHA2_256","digest":"${digest}"},` +
      `"signature":{"content":"${signature}","verifier":{"keyDetails":"${keyDetails}","publicKey":{"rawBytes":"${rawBytes}"}}}}}}`,
    "latin1",
  );
}

/** Why the leaf does not speak of exactly this statement, signature and key, byte for byte; undefined when it does. */
export function leafProblem(body: Uint8Array, content: LeafContent): string | undefined {
  if (keyDetailsOf(content.publicKey) === undefined) return "the key is neither P-256 nor Ed25519";
  if (parseBase64(content.signature) === undefined) return "the signature is not base64";
  const expected = leafBody(content);
  if (expected.equals(body)) return undefined;
  const found = partsOf(body);
  if (!found) return "the leaf is not a hashedrekord 0.0.2";
  const { digest, signature, publicKey } = partsOf(expected) ?? {};
  if (found.digest !== digest) return "the leaf is of another statement";
  if (found.signature !== signature) return "the leaf is of another signature";
  if (found.publicKey !== publicKey) return "the leaf is of another key";
  return "the leaf has other bytes than its content is written as";
}

/** The same of a statement whose key is known by its id only: the leaf itself names the key. */
export function sealedLeafProblem(body: Uint8Array, sealed: SealedStatement): string | undefined {
  if (!isSigned(sealed)) return "the statement is not signed";
  const { publicKey: text } = partsOf(body) ?? {};
  const publicKey = typeof text === "string" ? parseBase64(text) : undefined;
  if (!publicKey) return "the leaf is not a hashedrekord 0.0.2";
  if (sha256(publicKey) !== sealed.keyId) return "the leaf is of another key";
  return leafProblem(body, { ...sealed, publicKey });
}

/** What Rekor calls the kind of a public key in SPKI DER; undefined for kinds that a leaf may not name. */
export function keyDetailsOf(publicKey: Uint8Array): string | undefined {
  return keyKinds.find(
    ({ prefix, length }) => publicKey.length === length && prefix.equals(publicKey.subarray(0, prefix.length)),
  )?.details;
}

/** The parts by which a refused leaf is told apart from the expected one. */
function partsOf(body: Uint8Array) {
  const leaf = parseJson(body);
  const spec = member(member(leaf, "spec"), "hashedRekordV002");
  if (spec === undefined) return undefined;
  const signature = member(spec, "signature");
  return {
    digest: member(member(spec, "data"), "digest"),
    signature: member(signature, "content"),
    publicKey: member(member(member(signature, "verifier"), "publicKey"), "rawBytes"),
  };
}

function member(value: unknown, name: string): unknown {
  return isJsonObject(value) ? value[name] : undefined;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(body).toString("utf8"));
  } catch {
    return undefined;
  }
}
