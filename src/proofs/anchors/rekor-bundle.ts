import { createPublicKey, hash, verify } from "node:crypto";
import { sha256 } from "../../kernel/digest.ts";
import { isJsonObject, type Json } from "../../kernel/json.ts";
import { parseBase64 } from "../tlog/fields.ts";
import { keyDetailsOf } from "../tlog/leaf.ts";
import type { NoteKey } from "../tlog/note.ts";
import { checkRekorEntry, recordOf, type RekorInclusion } from "./rekor-entry.ts";

const MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json";

/**
 * The receipt of a Rekor v2 log: a Sigstore bundle v0.3 with a message signature of the checkpoint, for `cosign verify-blob` and
 * its like.
 */
export function rekorBundleText(checkpoint: string, signature: string, publicKey: Uint8Array, entry: Json): string {
  const bundle = {
    mediaType: MEDIA_TYPE,
    verificationMaterial: { publicKey: { hint: sha256(publicKey) }, tlogEntries: [entry] },
    messageSignature: {
      messageDigest: { algorithm: "SHA2_256", digest: hash("sha256", checkpoint, "base64") },
      signature,
    },
  };
  return `${JSON.stringify(bundle)}\n`;
}

/**
 * Checks such a bundle against the checkpoint and a trusted log. Who signed is the key in the entry: that the log has seen this
 * checkpoint is what counts, not who showed it. Returns in words what is wrong.
 */
export function checkRekorBundle(text: string, checkpoint: string, log: NoteKey): RekorInclusion | string {
  const bundle = parseJson(text);
  const signature = textAt(bundle, "messageSignature", "signature");
  const entries = at(bundle, "verificationMaterial", "tlogEntries");
  const entry: unknown = Array.isArray(entries) && entries.length === 1 ? entries[0] : undefined;
  if (textAt(bundle, "mediaType") !== MEDIA_TYPE || signature === undefined || entry === undefined) {
    return "it is not a Sigstore bundle v0.3 with a message signature and one entry of a log";
  }
  const body = parseJson(Buffer.from(textAt(entry, "canonicalizedBody") ?? "", "base64").toString("utf8"));
  const raw = textAt(body, "spec", "hashedRekordV002", "signature", "verifier", "publicKey", "rawBytes");
  const publicKey = parseBase64(raw ?? "");
  if (!publicKey || keyDetailsOf(publicKey) !== "PKIX_ECDSA_P256_SHA_256") return "its entry does not name a P-256 key";
  if (parseBase64(signature) === undefined) return "its signature is not base64";
  const key = createPublicKey({ key: publicKey, format: "der", type: "spki" });
  const isGood = verify("sha256", Buffer.from(checkpoint, "utf8"), key, Buffer.from(signature, "base64"));
  if (!isGood) return "its signature is not of this checkpoint";
  return checkRekorEntry(entry, recordOf(checkpoint, signature, publicKey), log);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function at(value: unknown, ...names: readonly string[]): unknown {
  return names.reduce<unknown>((inner, name) => (isJsonObject(inner) ? inner[name] : undefined), value);
}

function textAt(value: unknown, ...names: readonly string[]): string | undefined {
  const found = at(value, ...names);
  return typeof found === "string" ? found : undefined;
}
