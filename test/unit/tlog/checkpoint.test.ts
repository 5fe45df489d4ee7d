import { sign } from "node:crypto";
import { describe, expect, it } from "vitest";
import { formatCheckpoint, parseCheckpoint } from "../../../src/proofs/tlog/checkpoint.ts";
import { cosignatureTime, cosignedMessage } from "../../../src/proofs/tlog/cosignature.ts";
import { EMPTY_ROOT } from "../../../src/proofs/tlog/merkle.ts";
import { formatVkey, type NoteSignature, parseNote, parseVkey } from "../../../src/proofs/tlog/note.ts";
import { countedLeaves, naiveRoot } from "../../support/naive-log.ts";
import { testNoteKey } from "../../support/note-keys.ts";

/** Made by a program of its own, in another language: the log of the leaves 0 to 6, cosigned by the seed of 32 bytes 02. */
const witnessVkey = "witness.example+3176bd45+BIE5dw6ofRdfVqNUZsNMfszLjYqRtO43ol32D1uPybOU";
const body = "log.example\n7\no+I7Msy2v5bQktFl2KpUbgmCnejwOw6JV1gdHha5K98=\n";
const cosigned = `${body}
— log.example HMdY+fPXh0gBovLjsQz/sCnj/IY+quJZA12GkCCAcFqJj/jgetP1odxPG3mUb2M43swmv1x9/ptcPegZqkcCv6HmEQk=
— witness.example MXa9RQAAAABpVbkAzwygAA+14CQzf0yhdMHdNyELRWwDTYf+5nC9bRcVkRCPH2sL7Rl/pyUHnYQHk552S23ooDQ7hLYEdnPMb8eTAg==
`;
const root = "o+I7Msy2v5bQktFl2KpUbgmCnejwOw6JV1gdHha5K98=";

describe("a checkpoint", () => {
  const checkpoint = { origin: "log.example", size: 7, root: naiveRoot(countedLeaves(7)) };

  it("has the known body, and is read back", () => {
    expect(formatCheckpoint(checkpoint)).toBe(body);
    expect(parseCheckpoint(body)).toEqual(checkpoint);
    const empty = { origin: "a log with spaces", size: 0, root: EMPTY_ROOT };
    expect(parseCheckpoint(formatCheckpoint(empty))).toEqual(empty);
  });

  it("may have extension lines, which are passed over", () => {
    expect(parseCheckpoint(`${body}more\nand more\n`)).toEqual(checkpoint);
  });

  it("is counted to 2^53 - 1, and refused beyond in words", () => {
    expect(parseCheckpoint(`log\n9007199254740991\n${root}\n`).size).toBe(Number.MAX_SAFE_INTEGER);
    for (const size of ["9007199254740992", "18446744073709551615", "9".repeat(400)]) {
      expect(() => parseCheckpoint(`log\n${size}\n${root}\n`)).toThrow(
        expect.objectContaining({
          code: "PROOF_INVALID",
          message: "this is not a checkpoint: its size is over 2^53 - 1, the largest that is supported",
        }),
      );
    }
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["no root", "log\n7\n"],
    ["no origin", `\n7\n${root}\n`],
    ["no end of its last line", `log\n7\n${root}`],
    ["an empty line", `log\n7\n${root}\n\n`],
    ["an empty extension line", `log\n7\n${root}\n\nmore\n`],
    ["a size with a leading zero", `log\n07\n${root}\n`],
    ["a negative size", `log\n-7\n${root}\n`],
    ["a size with a sign", `log\n+7\n${root}\n`],
    ["a size in hex", `log\n0x7\n${root}\n`],
    ["a size with an exponent", `log\n1e3\n${root}\n`],
    ["a size with a space", `log\n7 \n${root}\n`],
    ["a size in other digits", `log\n٧\n${root}\n`],
    ["a short root", "log\n7\nAAAA\n"],
    ["a root without padding", `log\n7\n${root.slice(0, -1)}\n`],
    ["a root with bits beyond its end", `log\n7\n${root.replace("98=", "99=")}\n`],
  ])("is refused with %s", (_what, spoilt) => {
    expect(() => parseCheckpoint(spoilt)).toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
  });

  it.each([
    { ...checkpoint, origin: "" },
    { ...checkpoint, origin: "a\nb" },
    { ...checkpoint, size: -1 },
    { ...checkpoint, size: 2 ** 53 },
    { ...checkpoint, root: Buffer.alloc(31) },
  ])("is not written for $origin, $size", (wrong) => {
    expect(() => formatCheckpoint(wrong)).toThrow("broken invariant");
  });
});

describe("a cosignature", () => {
  const witness = testNoteKey("witness.example", 4, 2);
  const note = parseNote(cosigned);
  const at = (time: bigint, message = cosignedMessage(Number(time), body)): NoteSignature => {
    const stamp = Buffer.alloc(8);
    stamp.writeBigUInt64BE(time);
    const signature = Buffer.concat([stamp, sign(null, message, witness.privateKey)]);
    return { name: witness.key.name, hash: witness.key.hash, signature };
  };
  const timeOf = (...signatures: NoteSignature[]) => cosignatureTime({ body, signatures }, witness.key);

  it("covers the known bytes, and tells its time", () => {
    expect(cosignedMessage(1767225600, body).toString()).toBe(`cosignature/v1\ntime 1767225600\n${body}`);
    expect(formatVkey(witness.key)).toBe(witnessVkey);
    expect(at(1767225600n)).toEqual(note.signatures[1]);
    expect(cosignatureTime(note, parseVkey(witnessVkey))).toBe(1767225600);
    expect(timeOf(at(0n))).toBe(0);
  });

  it("covers the extension lines too", () => {
    const extended = { ...note, body: `${body}more\n` };
    expect(cosignatureTime(extended, witness.key)).toBeUndefined();
  });

  it("counts only when all that claim to be the witness's are good; the latest tells the time", () => {
    const good = at(5n);
    expect(timeOf(good, at(9n), at(7n))).toBe(9);
    expect(timeOf()).toBeUndefined();
    expect(timeOf({ ...good, hash: 1 })).toBeUndefined();
    expect(timeOf({ ...good, name: "w" })).toBeUndefined();
    expect(timeOf(good, { ...good, hash: 1, signature: Buffer.of(1) })).toBe(5);
    const otherTime = Buffer.concat([at(6n).signature.subarray(0, 8), good.signature.subarray(8)]);
    for (const signature of [otherTime, good.signature.subarray(0, 71), Buffer.of(1), good.signature.subarray(8)]) {
      expect(timeOf({ ...good, signature })).toBeUndefined();
      expect(timeOf(good, { ...good, signature })).toBeUndefined();
      expect(timeOf({ ...good, signature }, good)).toBeUndefined();
    }
    // A plain signature of the body is no cosignature.
    expect(timeOf(at(5n, Buffer.from(body)))).toBeUndefined();
  });

  it("has a time that can be counted", () => {
    expect(timeOf(at(BigInt(Number.MAX_SAFE_INTEGER)))).toBe(Number.MAX_SAFE_INTEGER);
    const beyond = 2n ** 53n;
    expect(timeOf(at(beyond, Buffer.from(`cosignature/v1\ntime ${beyond}\n${body}`)))).toBeUndefined();
    expect(() => cosignedMessage(1.5, body)).toThrow("broken invariant");
    expect(() => cosignedMessage(-1, body)).toThrow("broken invariant");
  });

  it("is no matter of keys of other types", () => {
    expect(cosignatureTime(note, { ...witness.key, type: 1 })).toBeUndefined();
  });
});
