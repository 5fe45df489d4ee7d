import { hash, type KeyObject, sign } from "node:crypto";
import { invariant } from "../../kernel/assert.ts";
import { CascadeError } from "../../kernel/errors.ts";
import { ED25519_KEY_BYTES, isEd25519Signature } from "./ed25519.ts";
import { parseBase64 } from "./fields.ts";

/** Signature types of https://c2sp.org/signed-note that have a meaning here; both have raw Ed25519 keys. */
export const noteKeyTypes = { ed25519: 0x01, cosignature: 0x04 } as const;

/** A public key that signs notes. */
export interface NoteKey {
  name: string;
  /** What signature lines name the key by, next to its name: uint32. */
  hash: number;
  /** The signature type, one byte. */
  type: number;
  /** The raw key, as it follows the type byte. */
  publicKey: Buffer;
}

export interface NoteSignature {
  name: string;
  /** The hash of the key that it claims to be from: uint32. */
  hash: number;
  /** What follows the hash. */
  signature: Buffer;
}

/** A text with signatures under it, https://c2sp.org/signed-note. */
export interface Note {
  /** The signed text; ends with a line feed. */
  body: string;
  /** At least one; none of them is checked yet. */
  signatures: readonly NoteSignature[];
}

// Go's sumdb/note has the same limit; the format asks for at least 16.
const MAX_SIGNATURES = 100;
const SIGNATURE_LINE = /^\u2014 ([^ ]+) ([^ ]+)$/;
const VKEY = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/;
const VKEY_HINT =
  "Name the key as name+hash+base64, such as the log.vkey of a log or the vkey that a witness publishes.";

/** A key with the hash that goes with it. Throws `KEY_UNREADABLE` for a name that no key may have. */
export function noteKey(name: string, type: number, publicKey: Uint8Array): NoteKey {
  if (!isKeyName(name)) throw unreadable("its name is empty or holds a space, a plus or a control character");
  const key = { name, hash: 0, type, publicKey: Buffer.from(publicKey) };
  return { ...key, hash: noteKeyId(key).readUInt32BE() };
}

/** SHA-256 of name, line feed, type and key: its first 4 bytes are the key's hash, all 32 Sigstore's log id of a Rekor v2 log. */
export function noteKeyId({ name, type, publicKey }: NoteKey): Buffer {
  return hash("sha256", Buffer.concat([Buffer.from(`${name}\n`, "utf8"), Buffer.of(type), publicKey]), "buffer");
}

/** The key in one word, as programs and people hand it around: name+hash+base64. */
export function formatVkey({ name, hash, type, publicKey }: NoteKey): string {
  return `${name}+${hexOf(hash)}+${Buffer.concat([Buffer.of(type), publicKey]).toString("base64")}`;
}

/** Reads a key of a type that has a meaning here. Throws `KEY_UNREADABLE`. */
export function parseVkey(text: string): NoteKey {
  const [, name, hex, base64] = VKEY.exec(text) ?? [];
  if (name === undefined || hex === undefined || base64 === undefined) throw unreadable("it is not name+hash+base64");
  const [type, ...publicKey] = parseBase64(base64) ?? [];
  if (type === undefined) throw unreadable("its last part is not standard base64 with padding");
  if (type !== noteKeyTypes.ed25519 && type !== noteKeyTypes.cosignature) {
    throw unreadable(`its type ${type} is neither 1 (Ed25519) nor 4 (Ed25519 cosignature)`);
  }
  if (publicKey.length !== ED25519_KEY_BYTES) throw unreadable(`it is not ${ED25519_KEY_BYTES} bytes long`);
  const key = noteKey(name, type, Buffer.from(publicKey));
  if (hexOf(key.hash) !== hex) throw unreadable("its hash does not belong to its name and bytes");
  return key;
}

/** Reads a note in its one spelling; the signatures are not checked. Throws `PROOF_INVALID`. */
export function parseNote(text: string): Note {
  if (!text.isWellFormed()) throw invalid("it holds half of a surrogate pair");
  if (/[\u0000-\u0009\u000b-\u001f]/.test(text)) throw invalid("it holds a control character");
  const split = text.lastIndexOf("\n\n");
  if (split < 0) throw invalid("no blank line parts its text from its signatures");
  const lines = text.slice(split + 2).split("\n");
  if (lines.pop() !== "") throw invalid("its last line does not end");
  if (lines.length === 0) throw invalid("it has no signature");
  if (lines.length > MAX_SIGNATURES) throw invalid(`it has more than ${MAX_SIGNATURES} signatures`);
  return { body: text.slice(0, split + 1), signatures: lines.map(parseSignature) };
}

/** The text of a note, with the signatures in their order. */
export function formatNote({ body, signatures }: Note): string {
  invariant(body.endsWith("\n") && signatures.length > 0, "a note has whole lines of text and a signature");
  const lines = signatures.map(({ name, hash, signature }) => {
    const bytes = Buffer.concat([Buffer.alloc(4), signature]);
    bytes.writeUInt32BE(hash);
    return `— ${name} ${bytes.toString("base64")}\n`;
  });
  return `${body}\n${lines.join("")}`;
}

/** Signs a note's text with the private half of a key of type Ed25519. */
export function ed25519NoteSignature(body: string, key: NoteKey, privateKey: KeyObject): NoteSignature {
  invariant(key.type === noteKeyTypes.ed25519, "a plain note signature is of type Ed25519");
  return { name: key.name, hash: key.hash, signature: sign(null, Buffer.from(body, "utf8"), privateKey) };
}

/**
 * Whether the note's text is signed by this key of type Ed25519; false for other types. When several signatures claim to be
 * from the key, all of them must be good.
 */
export function isSignedBy(note: Note, key: NoteKey): boolean {
  if (key.type !== noteKeyTypes.ed25519) return false;
  const claimed = signaturesOf(note, key);
  const message = Buffer.from(note.body, "utf8");
  return claimed.length > 0 && claimed.every((signature) => isEd25519Signature(key.publicKey, message, signature));
}

/** The signatures that claim to be from the key, by its name and hash. */
export function signaturesOf(note: Note, key: NoteKey): Buffer[] {
  return note.signatures
    .filter(({ name, hash }) => name === key.name && hash === key.hash)
    .map((line) => line.signature);
}

function parseSignature(line: string): NoteSignature {
  const [, name, base64] = SIGNATURE_LINE.exec(line) ?? [];
  if (name === undefined || base64 === undefined || !isKeyName(name))
    throw invalid("a signature line has another form");
  const bytes = parseBase64(base64);
  if (!bytes || bytes.length < 5) throw invalid("a signature is not base64 of a key's hash and more");
  return { name, hash: bytes.readUInt32BE(), signature: bytes.subarray(4) };
}

function isKeyName(name: string): boolean {
  return name.isWellFormed() && /^[^\p{White_Space}\p{Cc}+]+$/u.test(name);
}

function hexOf(hash: number): string {
  return hash.toString(16).padStart(8, "0");
}

function unreadable(reason: string): CascadeError {
  return new CascadeError("KEY_UNREADABLE", `the note key cannot be used: ${reason}`, { hint: VKEY_HINT });
}

function invalid(reason: string): CascadeError {
  return new CascadeError("PROOF_INVALID", `this is not a signed note: ${reason}`);
}
