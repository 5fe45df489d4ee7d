import { describe, expect, it } from "vitest";
import { hashLeaf } from "../../../src/proofs/tlog/merkle.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "../../../src/proofs/tlog/tlog-proof.ts";

const path = [hashLeaf(Buffer.from("a")), hashLeaf(Buffer.from("b"))];
const proof: TlogProof = { extra: Buffer.from("more"), index: 5, path, checkpoint: "log\n7\nroot\n\n— log sig\n" };
const text = `c2sp.org/tlog-proof@v1
extra bW9yZQ==
index 5
${path[0]!.toString("base64")}
${path[1]!.toString("base64")}

log
7
root

— log sig
`;

describe("a proof for someone offline", () => {
  it("has these lines, and is read back", () => {
    expect(formatTlogProof(proof)).toBe(text);
    expect(parseTlogProof(text)).toEqual(proof);
  });

  it("leaves out what is not there", () => {
    const alone = { index: 0, path: [], checkpoint: "log\n" };
    expect(formatTlogProof(alone)).toBe("c2sp.org/tlog-proof@v1\nindex 0\n\nlog\n");
    expect(formatTlogProof({ ...alone, extra: Buffer.alloc(0) })).toBe(formatTlogProof(alone));
    expect(parseTlogProof(formatTlogProof(alone))).toEqual(alone);
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["another version", text.replace("@v1", "@v2")],
    ["no checkpoint", text.slice(0, text.indexOf("\n\n") + 2)],
    ["no blank line", text.replaceAll("\n\n", "\n")],
    ["extra data after the index", text.replace(/(extra .*\n)(index .*\n)/, "$2$1")],
    ["extra data twice", text.replace(/(extra .*\n)/, "$1$1")],
    ["extra data without bytes", text.replace("bW9yZQ==", "")],
    ["extra data without padding", text.replace("bW9yZQ==", "bW9yZQ")],
    ["no index", text.replace("index 5\n", "")],
    ["an index with a leading zero", text.replace("index 5", "index 05")],
    ["a fractional index", text.replace("index 5", "index 5.0")],
    ["an index beyond counting", text.replace("index 5", "index 9007199254740992")],
    ["two spaces", text.replace("index 5", "index  5")],
    ["a hash of 31 bytes", text.replace(path[0]!.toString("base64"), Buffer.alloc(31).toString("base64"))],
    ["carriage returns", text.replaceAll("\n", "\r\n")],
  ])("is refused with %s", (_what, spoilt) => {
    expect(spoilt).not.toBe(text);
    expect(() => parseTlogProof(spoilt)).toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
  });

  it("is not written for an index that no leaf has, or without a checkpoint", () => {
    expect(() => formatTlogProof({ ...proof, index: -1 })).toThrow("broken invariant");
    expect(() => formatTlogProof({ ...proof, checkpoint: "" })).toThrow("broken invariant");
  });
});
