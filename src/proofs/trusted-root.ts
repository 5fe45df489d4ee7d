import { CascadeError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { ED25519_SPKI_PREFIX } from "./tlog/ed25519.ts";
import { noteKey, noteKeyId, type NoteKey, noteKeyTypes } from "./tlog/note.ts";

const MEDIA_TYPE = "application/vnd.dev.sigstore.trustedroot+json;version=0.1";
const HINT = "Name the trusted_root.json that lies in keys/ of the data folder whose log is to be trusted.";

/**
 * The text of a `trusted_root.json`, Sigstore's list of whom to trust (https://github.com/sigstore/protobuf-specs): the keys
 * of these logs and no one else.
 */
export function trustedRootText(logs: readonly NoteKey[]): string {
  const tlogs = logs.map((key) => ({
    baseUrl: `https://${key.name}`,
    hashAlgorithm: "SHA2_256",
    logId: { keyId: noteKeyId(key).toString("base64") },
    publicKey: {
      keyDetails: "PKIX_ED25519",
      rawBytes: Buffer.concat([ED25519_SPKI_PREFIX, key.publicKey]).toString("base64"),
    },
  }));
  const root = { certificateAuthorities: [], ctlogs: [], mediaType: MEDIA_TYPE, timestampAuthorities: [], tlogs };
  return `${JSON.stringify(root, null, 2)}\n`;
}

/**
 * Reads what `trustedRootText` writes and nothing else, so that no byte of it goes unlooked at. Throws
 * `TRUSTED_ROOT_INVALID`.
 */
export function parseTrustedRoot(text: string): NoteKey[] {
  let root: unknown;
  try {
    root = JSON.parse(text);
  } catch (error) {
    throw invalid("it is not JSON", error);
  }
  const tlogs = isJsonObject(root) ? root["tlogs"] : undefined;
  if (!Array.isArray(tlogs)) throw invalid("it has no list of logs");
  const keys = tlogs.map((log: unknown) => keyOf(isJsonObject(log) ? log : {}));
  if (trustedRootText(keys) === text) return keys;
  throw invalid("its bytes are not the ones that its content is written as: fields were added, changed or reformatted");
}

function keyOf({ baseUrl, publicKey }: Record<string, unknown>): NoteKey {
  const raw = isJsonObject(publicKey) ? publicKey["rawBytes"] : undefined;
  if (typeof baseUrl !== "string" || typeof raw !== "string") throw invalid("a log has no address or no key");
  const der = Buffer.from(raw, "base64");
  return noteKey(baseUrl.replace(/^https:\/\//, ""), noteKeyTypes.ed25519, der.subarray(ED25519_SPKI_PREFIX.length));
}

function invalid(reason: string, cause?: unknown): CascadeError {
  return new CascadeError("TRUSTED_ROOT_INVALID", `the trusted root cannot be used: ${reason}`, { cause, hint: HINT });
}
