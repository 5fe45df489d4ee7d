import { isDigest } from "../kernel/digest.ts";
import { CascadeError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { STATEMENT_PAYLOAD_TYPE } from "./dsse.ts";
import type { Proof } from "./proof.ts";

const BUNDLE_MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/** What a proof file carries. */
export type SealedStatement = Pick<Proof, "statement" | "signature" | "keyId">;

/**
 * Fields of a proof file that the signature does not cover. None of them is believed: each has one value that it may have,
 * and any other is refused.
 */
export const unsignedFields = [
  "mediaType",
  "verificationMaterial.publicKey.hint",
  "verificationMaterial.tlogEntries",
  "dsseEnvelope.signatures[0].keyid",
] as const;

/** The text of a proof file: a Sigstore bundle v0.3 in RFC 8785 bytes and a line feed. The same proof always gives the same bytes. */
export function bundleText({ statement, signature, keyId }: SealedStatement): string {
  // Keys in the order of RFC 8785, so that they need no sorting.
  const bundle = {
    dsseEnvelope: {
      payload: Buffer.from(statement, "utf8").toString("base64"),
      payloadType: STATEMENT_PAYLOAD_TYPE,
      signatures: [{ keyid: keyId, sig: signature }],
    },
    mediaType: BUNDLE_MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: keyId }, tlogEntries: [] },
  };
  return `${JSON.stringify(bundle)}\n`;
}

/**
 * Reads what `bundleText` writes and nothing else: a text is taken only if writing its content again gives the same bytes.
 * So unknown, missing and repeated fields, spaces and other spellings of base64 are refused. Throws `PROOF_INVALID`.
 */
export function parseBundle(text: string): SealedStatement {
  const bundle = member(parseJson(text));
  expectEqual("mediaType", bundle["mediaType"], BUNDLE_MEDIA_TYPE);
  const envelope = member(bundle["dsseEnvelope"]);
  expectEqual("the payload type", envelope["payloadType"], STATEMENT_PAYLOAD_TYPE);
  const { payload, signatures } = envelope;
  if (!Array.isArray(signatures) || signatures.length !== 1) throw invalid("it does not have exactly one signature");
  const { sig, keyid } = member(signatures[0]);
  if (typeof payload !== "string" || typeof sig !== "string") throw invalid("its payload or signature is not text");
  if (typeof keyid !== "string" || !isDigest(keyid)) throw invalid("it does not name its key by SHA-256");
  const content = { statement: fromBase64("payload", payload).toString("utf8"), signature: sig, keyId: keyid };
  if (fromBase64("signature", sig).length === 0) throw invalid("its signature is empty");
  if (bundleText(content) !== text) {
    throw invalid(
      "its bytes are not the ones that its content is written as: fields were added, changed or reformatted",
    );
  }
  return content;
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
  return new CascadeError("PROOF_INVALID", `this is not a proof file of a run: ${reason}`, { cause });
}
