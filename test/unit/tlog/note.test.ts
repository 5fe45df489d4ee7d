import { describe, expect, it } from "vitest";
import {
  ed25519NoteSignature,
  formatNote,
  formatVkey,
  isSignedBy,
  type NoteSignature,
  noteKey,
  noteKeyId,
  parseNote,
  parseVkey,
} from "../../../src/proofs/tlog/note.ts";
import { testNoteKey } from "../../support/note-keys.ts";

/** Made by a program of its own, in another language: the key with the seed of 32 bytes 01 signs. */
const vkey = "log.example+1cc758f9+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c";
const body = "log.example\n7\no+I7Msy2v5bQktFl2KpUbgmCnejwOw6JV1gdHha5K98=\n";
const line =
  "— log.example HMdY+fPXh0gBovLjsQz/sCnj/IY+quJZA12GkCCAcFqJj/jgetP1odxPG3mUb2M43swmv1x9/ptcPegZqkcCv6HmEQk=\n";

const log = testNoteKey("log.example", 1, 1);
const signed = ed25519NoteSignature(body, log.key, log.privateKey);
const bad: NoteSignature = { ...signed, signature: Buffer.alloc(64) };

describe("a note key", () => {
  it("has the known hash, id and word", () => {
    expect(log.key.hash).toBe(0x1cc758f9);
    expect(noteKeyId(log.key).toString("hex")).toBe("1cc758f9e23d0833c79b0b00430230695d6b1674dc8f0c0385f5701b12d10cbd");
    expect(formatVkey(log.key)).toBe(vkey);
    expect(parseVkey(vkey)).toEqual(log.key);
  });

  it("keeps the zeroes at the beginning of its hash", () => {
    const low = Array.from({ length: 1000 }, (_, index) => noteKey(`log${index}`, 1, Buffer.alloc(32))).find(
      ({ hash }) => hash < 0x10000000,
    )!;
    expect(formatVkey(low)).toMatch(/^log\d+\+0[0-9a-f]{7}\+/);
    expect(parseVkey(formatVkey(low))).toEqual(low);
  });

  it.each(["", "a b", "a+b", "a\tb", "a\u00a0b", "a\u2028b", "a\u0000b", "a\ud800b"])("is not named %j", (name) => {
    expect(() => noteKey(name, 1, Buffer.alloc(32))).toThrow(expect.objectContaining({ code: "KEY_UNREADABLE" }));
  });

  it.each<[string, string]>([
    ["in upper case", vkey.replace("1cc758f9", "1CC758F9")],
    ["without its hash", "log.example+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"],
    ["with the hash of another", vkey.replace("1cc758f9", "1cc758f8")],
    ["under another name", vkey.replace("log.", "lag.")],
    ["with space after it", `${vkey}\n`],
    ["of an unknown type", formatVkey(noteKey("log.example", 2, Buffer.alloc(32)))],
    ["of another length", formatVkey(noteKey("log.example", 1, Buffer.alloc(31)))],
    ["without bytes", "log.example+1cc758f9+"],
  ])("is not read %s", (_what, text) => {
    expect(() => parseVkey(text)).toThrow(
      expect.objectContaining({ code: "KEY_UNREADABLE", hint: expect.stringContaining("name+hash+base64") }),
    );
  });
});

describe("a note", () => {
  const text = `${body}\n${line}`;

  it("is signed to the known bytes, and read back", () => {
    expect(formatNote({ body, signatures: [signed] })).toBe(text);
    expect(parseNote(text)).toEqual({ body, signatures: [signed] });
    expect(isSignedBy(parseNote(text), log.key)).toBe(true);
  });

  it("may hold empty lines and characters of every language", () => {
    const note = {
      body: "\n\nà\n\n\n",
      signatures: [{ name: "日本.example", hash: 0xffffffff, signature: Buffer.of(1) }],
    };
    expect(parseNote(formatNote(note))).toEqual(note);
  });

  it("is signed by a key only if all that claims to be its signature is good", () => {
    const other = testNoteKey("log.example", 1, 3);
    const strange: NoteSignature = { name: "log.example", hash: 1, signature: Buffer.alloc(64) };
    const signedBy = (...signatures: NoteSignature[]) => isSignedBy({ body, signatures }, log.key);
    expect(signedBy(signed)).toBe(true);
    expect(signedBy(strange, signed, ed25519NoteSignature(body, other.key, other.privateKey))).toBe(true);
    expect(signedBy(strange)).toBe(false);
    expect(signedBy({ ...signed, name: "other.example" })).toBe(false);
    expect(signedBy({ ...signed, hash: other.key.hash })).toBe(false);
    expect(signedBy(bad)).toBe(false);
    expect(signedBy(signed, bad)).toBe(false);
    expect(signedBy(bad, signed)).toBe(false);
    expect(signedBy(signed, signed)).toBe(true);
    expect(signedBy({ ...signed, signature: signed.signature.subarray(0, 63) })).toBe(false);
    expect(signedBy({ ...signed, signature: Buffer.concat([signed.signature, Buffer.of(0)]) })).toBe(false);
    expect(isSignedBy({ body: `${body}\n`, signatures: [signed] }, log.key)).toBe(false);
  });

  it("is not signed by a key of another type, or by bytes that are no key", () => {
    for (const type of [0, 2, 4, 255]) {
      const key = { ...log.key, type };
      expect(isSignedBy({ body, signatures: [signed] }, key), `type ${type}`).toBe(false);
    }
    for (const publicKey of [Buffer.alloc(0), Buffer.alloc(31), Buffer.alloc(33), Buffer.alloc(32, 255)]) {
      const key = noteKey("log.example", 1, publicKey);
      expect(isSignedBy({ body, signatures: [{ ...signed, hash: key.hash }] }, key)).toBe(false);
    }
  });

  it("takes a hundred signatures, and no more", () => {
    const note = (count: number) => `${body}\n${line.repeat(count)}`;
    expect(parseNote(note(100)).signatures).toHaveLength(100);
    expect(() => parseNote(note(101))).toThrow("more than 100 signatures");
  });

  const base64 = line.slice("— log.example ".length, -1);
  it.each<[string, string]>([
    ["nothing", ""],
    ["no signature", `${body}\n`],
    ["no blank line", `${body}${line}`],
    ["no line feed at its end", text.slice(0, -1)],
    ["a blank line at its end", `${text}\n`],
    ["a carriage return", text.replaceAll("\n", "\r\n")],
    ["a tab", `a\tb\n\n${line}`],
    ["half a character", `\ud800\n\n${line}`],
    ["a plain dash", text.replace("—", "-")],
    ["a line of another form", `${text}— log.example\n`],
    ["a third word in a line", text.replace(base64, `${base64} x`)],
    ["two spaces in a line", text.replace("example ", "example  ")],
    ["a plus in a name", text.replace("— log.example", "— log+example")],
    ["a hidden space in a name", text.replace("— log.example", "— log\u2003example")],
    ["a signature that is only a hash", text.replace(base64, "HMdY+Q==")],
    ["base64 without padding", text.replace(base64, base64.slice(0, -1))],
    ["base64 with bits beyond its end", text.replace("EQk=", "EQl=")],
    ["base64 for URLs", text.replace(base64, base64.replaceAll("/", "_"))],
  ])("is refused with %s", (_what, spoilt) => {
    expect(spoilt).not.toBe(text);
    expect(() => parseNote(spoilt)).toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
  });

  it("is not written without whole lines and a signature", () => {
    expect(() => formatNote({ body: "a", signatures: [signed] })).toThrow("broken invariant");
    expect(() => formatNote({ body, signatures: [] })).toThrow("broken invariant");
    const witness = testNoteKey("log.example", 4, 1);
    expect(() => ed25519NoteSignature(body, witness.key, witness.privateKey)).toThrow("broken invariant");
  });
});
