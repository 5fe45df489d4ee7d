import { isDigest } from "../kernel/digest.ts";
import { CascadeError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { STATEMENT_PAYLOAD_TYPE } from "./dsse.ts";
import type { SignedStatement } from "./sealed-statement.ts";

const BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** That a statement is a leaf of a transparency log, and the signed head that says so. Bytes are in standard base64. */
export interface LogEntry {
  /** The leaf's body. */
  body: string;
  index: number;
  /** The untruncated SHA-256 that the hash of the log's key begins, as Rekor v2 names its logs. */
  logId: string;
  /** The size of the head and its root, as the checkpoint says them. */
  size: number;
  root: string;
  /** The inclusion path, from the leaf to the root. */
  path: readonly string[];
  /** The signed note of the head. */
  checkpoint: string;
}

/** What a proof file carries. */
export interface ProofBundle extends SignedStatement {
  /** Null for a statement whose place in the log is not signed yet. */
  entry: LogEntry | null;
}

/**
 * Fields of a proof file that the statement's signature does not cover. None of them is believed: each has one value that it
 * may have, and any other is refused.
 */
export const unsignedFields = [
  "mediaType",
  "verificationMaterial.publicKey.hint",
  "dsseEnvelope.signatures[0].keyid",
  "verificationMaterial.tlogEntries[0].canonicalizedBody",
  "verificationMaterial.tlogEntries[0].logIndex",
  "verificationMaterial.tlogEntries[0].logId.keyId",
  "verificationMaterial.tlogEntries[0].kindVersion",
  "verificationMaterial.tlogEntries[0].integratedTime",
  "verificationMaterial.tlogEntries[0].inclusionProof.logIndex",
  "verificationMaterial.tlogEntries[0].inclusionProof.treeSize",
  "verificationMaterial.tlogEntries[0].inclusionProof.rootHash",
  "verificationMaterial.tlogEntries[0].inclusionProof.hashes",
  "verificationMaterial.tlogEntries[0].inclusionProof.checkpoint.envelope",
] as const;

/**
 * The text of a proof file: a Sigstore bundle v0.3 in RFC 8785 bytes and a line feed. The same proof always gives the same bytes.
 * Written out, with keys in the order of the RFC: of all values only a checkpoint has characters to escape, and to look for them
 * in every other one takes four times as long.
 */
export function bundleText({ entry, ...sealed }: ProofBundle): string {
  return (
    `${envelopeText(sealed)},"mediaType":"${BUNDLE_MEDIA_TYPE}",` +
    `"verificationMaterial":{"publicKey":{"hint":"${sealed.keyId}"},"tlogEntries":[${entry ? tlogEntryText(entry) : ""}]}}
`
  );
}

/** Whether the text of a proof file begins as that of this statement does, whatever it says of a place in a log. */
export function isBundleOf(text: string, sealed: SignedStatement): boolean {
  return text.startsWith(envelopeText(sealed));
}

function envelopeText({ statement, signature, keyId }: SignedStatement): string {
  const payload = Buffer.from(statement, "utf8").toString("base64");
  return (
    `{"dsseEnvelope":{"payload":"${payload}","payloadType":"${STATEMENT_PAYLOAD_TYPE}",` +
    `"signatures":[{"keyid":"${keyId}","sig":"${signature}"}]}`
  );
}

/** Protobuf's JSON writes 64-bit numbers as text. A log of this kind does not say when it took an entry, hence the zero. */
function tlogEntryText({ body, index, logId, size, root, path, checkpoint }: LogEntry): string {
  const hashes = path.length === 0 ? "" : `"${path.join('","')}"`;
  return (
    `{"canonicalizedBody":"${body}","inclusionProof":{"checkpoint":{"envelope":${JSON.stringify(checkpoint)}},` +
    `"hashes":[${hashes}],"logIndex":"${index}","rootHash":"${root}","treeSize":"${size}"},"integratedTime":"0",` +
    `"kindVersion":{"kind":"hashedrekord","version":"0.0.2"},"logId":{"keyId":"${logId}"},` +
    `"logIndex":"${index}"}`
  );
}

/**
 * Reads what `bundleText` writes and nothing else: a text is taken only if writing its content again gives the same bytes.
 * So unknown, missing and repeated fields, spaces and other spellings of base64 are refused. Throws `PROOF_INVALID`.
 */
export function parseBundle(text: string): ProofBundle {
  const bundle = member(parseJson(text));
  expectEqual("mediaType", bundle["mediaType"], BUNDLE_MEDIA_TYPE);
  const envelope = member(bundle["dsseEnvelope"]);
  expectEqual("the payload type", envelope["payloadType"], STATEMENT_PAYLOAD_TYPE);
  const { payload, signatures } = envelope;
  if (!Array.isArray(signatures) || signatures.length !== 1) throw invalid("it does not have exactly one signature");
  const { sig, keyid } = member(signatures[0]);
  if (typeof payload !== "string" || typeof sig !== "string") throw invalid("its payload or signature is not text");
  if (typeof keyid !== "string" || !isDigest(keyid)) throw invalid("it does not name its key by SHA-256");
  const content = {
    statement: fromBase64("payload", payload).toString("utf8"),
    signature: sig,
    keyId: keyid,
    entry: entryOf(member(bundle["verificationMaterial"])["tlogEntries"]),
  };
  if (fromBase64("signature", sig).length === 0) throw invalid("its signature is empty");
  if (bundleText(content) !== text) {
    throw invalid(
      "its bytes are not the ones that its content is written as: fields were added, changed or reformatted",
    );
  }
  return content;
}

function entryOf(entries: unknown): LogEntry | null {
  if (!Array.isArray(entries) || entries.length > 1) throw invalid("it does not have one entry of a transparency log");
  if (entries.length === 0) return null;
  const entry = member(entries[0]);
  const proof = member(entry["inclusionProof"]);
  const path = proof["hashes"];
  if (!Array.isArray(path)) throw invalid("its inclusion path is not a list");
  return {
    body: base64("leaf", entry["canonicalizedBody"]),
    index: wholeNumber("index", entry["logIndex"]),
    logId: base64("log id", member(entry["logId"])["keyId"]),
    size: wholeNumber("tree size", proof["treeSize"]),
    root: base64("root", proof["rootHash"]),
    path: path.map((hash: unknown) => base64("inclusion path", hash)),
    checkpoint: textOf("checkpoint", member(proof["checkpoint"])["envelope"]),
  };
}

function wholeNumber(name: string, value: unknown): number {
  const number = Number(value);
  if (typeof value === "string" && Number.isSafeInteger(number) && String(number) === value) return number;
  throw invalid(`its ${name} is not a whole number in text`);
}

function textOf(name: string, value: unknown): string {
  if (typeof value !== "string") throw invalid(`its ${name} is not text`);
  return value;
}

function base64(name: string, value: unknown): string {
  const text = textOf(name, value);
  fromBase64(name, text);
  return text;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid("it is not JSON", error);
  }
}

function member(value: unknown): Record<string, unknown> {
  return isJsonObject(value) ? value : {};
}

function fromBase64(name: string, text: string): Buffer {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw invalid(`its ${name} is not standard base64 with padding`);
  return bytes;
}

function expectEqual(name: string, found: unknown, expected: string): void {
  if (found !== expected) throw invalid(`${name} is not ${expected}`);
}

function invalid(reason: string, cause?: unknown): CascadeError {
  return new CascadeError("PROOF_INVALID", `this is not a proof file: ${reason}`, { cause });
}
