import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { type NoteKey, noteKey } from "../../src/proofs/tlog/note.ts";

/** An Ed25519 private key out of its RFC 8032 seed of 32 bytes. */
export function ed25519Key(seed: Uint8Array): KeyObject {
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), seed]);
  return createPrivateKey({ key: der, format: "der", type: "pkcs8" });
}

/** A note key of that type with its private half, always the same for a name and a seed byte. */
export function testNoteKey(name: string, type: number, seed: number): { key: NoteKey; privateKey: KeyObject } {
  const privateKey = ed25519Key(Buffer.alloc(32, seed));
  const spki = createPublicKey(privateKey).export({ type: "spki", format: "der" });
  return { key: noteKey(name, type, spki.subarray(-32)), privateKey };
}
