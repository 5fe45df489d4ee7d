import { createPublicKey, verify } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { bundleText, parseBundle } from "../../src/domain/bundle.ts";
import { paeOf } from "../../src/domain/dsse.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import type { Parsed } from "../support/parsed.ts";

/** Published known answers that lie beside the project, not in it. */
const vectors = join(import.meta.dirname, "../../../shared/vectors");
const absent = existsSync(vectors) ? false : `skipped: no published vectors at ${vectors}`;
if (absent) console.warn(absent);

describe("the bytes that are signed", () => {
  it("count bytes, not characters, and take empty parts", () => {
    expect(paeOf("ü", Buffer.from("€")).toString()).toBe("DSSEv1 2 ü 3 €");
    expect(paeOf("", Buffer.alloc(0)).toString()).toBe("DSSEv1 0  0 ");
  });

  it("keep a payload that is no text as it is", () => {
    const payload = Buffer.from([0xff, 0x00, 0x0a]);
    expect(paeOf("t", payload)).toEqual(Buffer.concat([Buffer.from("DSSEv1 1 t 3 "), payload]));
  });

  it.skipIf(absent)("are those of the published vector, and its signature is good over them", () => {
    const vector = JSON.parse(readFileSync(join(vectors, "dsse/protocol-vector.json"), "utf8"));
    const pae = paeOf(vector.payloadType, Buffer.from(vector.payload_utf8));
    expect(pae.toString()).toBe(vector.pae_utf8);
    const coordinate = (decimal: string) =>
      Buffer.from(BigInt(decimal).toString(16).padStart(64, "0"), "hex").toString("base64url");
    const jwk = { kty: "EC", crv: "P-256", x: coordinate(vector.key.x_dec), y: coordinate(vector.key.y_dec) };
    const key = createPublicKey({ key: jwk, format: "jwk" });
    const signature = Buffer.from(vector.envelope.signatures[0].sig, "base64");
    expect(verify("sha256", pae, { key, dsaEncoding: "ieee-p1363" }, signature)).toBe(true);
  });
});

describe("canonical JSON", () => {
  it.skipIf(absent)("gives the published bytes for the published inputs", () => {
    const folder = join(vectors, "jcs");
    for (const name of readdirSync(join(folder, "input"))) {
      const value: unknown = JSON.parse(readFileSync(join(folder, "input", name), "utf8"));
      expect(canonicalJson(value), name).toBe(readFileSync(join(folder, "output", name), "utf8"));
    }
  });
});

describe("a proof file", () => {
  const sealed = {
    statement: '{"a":"ä"}',
    signature: Buffer.from("signatures").toString("base64"),
    keyId: "c".repeat(64),
    entry: {
      body: Buffer.from("leaf").toString("base64"),
      index: 5,
      logId: Buffer.alloc(32, 1).toString("base64"),
      size: 7,
      root: Buffer.alloc(32, 2).toString("base64"),
      path: [Buffer.alloc(32, 3).toString("base64")],
      checkpoint: "log.test\n7\nroot\n\n— log.test sig\n",
    },
  };
  const text = bundleText(sealed);
  const edited = (edit: (bundle: Parsed) => void) => {
    const bundle = JSON.parse(text);
    edit(bundle);
    return `${canonicalJson(bundle)}\n`;
  };

  it("is read back as what was written, from always the same bytes", () => {
    expect(parseBundle(text)).toEqual(sealed);
    expect(bundleText(parseBundle(text))).toBe(text);
  });

  it("can be of a statement whose place in the log is not signed yet", () => {
    const early = bundleText({ ...sealed, entry: null });
    expect(JSON.parse(early).verificationMaterial.tlogEntries).toEqual([]);
    expect(parseBundle(early)).toEqual({ ...sealed, entry: null });
  });

  it.each([0, 1, 3])("is in RFC 8785 bytes with a path of %i hashes, whatever its checkpoint says", (count) => {
    const path = Array.from({ length: count }, (_, at) => Buffer.alloc(32, at).toString("base64"));
    const entry = { ...sealed.entry, path, checkpoint: 'a "b" \\ \u0007\n\u2028— c\n' };
    const written = bundleText({ ...sealed, entry });
    expect(written).toBe(`${canonicalJson(JSON.parse(written))}\n`);
    expect(parseBundle(written).entry).toEqual(entry);
  });

  it("has the fields that a Sigstore bundle v0.3 must have", () => {
    expect(JSON.parse(text)).toEqual({
      mediaType: "application/vnd.dev.sigstore.bundle.v0.3+json",
      verificationMaterial: {
        publicKey: { hint: sealed.keyId },
        tlogEntries: [
          {
            logIndex: "5",
            logId: { keyId: sealed.entry.logId },
            kindVersion: { kind: "hashedrekord", version: "0.0.2" },
            integratedTime: "0",
            inclusionProof: {
              logIndex: "5",
              rootHash: sealed.entry.root,
              treeSize: "7",
              hashes: sealed.entry.path,
              checkpoint: { envelope: sealed.entry.checkpoint },
            },
            canonicalizedBody: sealed.entry.body,
          },
        ],
      },
      dsseEnvelope: {
        payload: Buffer.from(sealed.statement).toString("base64"),
        payloadType: "application/vnd.in-toto+json",
        signatures: [{ sig: sealed.signature, keyid: sealed.keyId }],
      },
    });
  });

  it.each<[string, string]>([
    ["nothing", ""],
    ["what is not JSON", "proof"],
    ["a null", "null\n"],
    ["a list nested without end", "[".repeat(100_000)],
    ["a missing line feed", text.trimEnd()],
    ["a second line feed", `${text}\n`],
    ["a byte order mark", `\ufeff${text}`],
    ["other spacing", `${JSON.stringify(JSON.parse(text), null, 2)}\n`],
    ["a repeated key", text.replace('{"dsseEnvelope"', '{"dsseEnvelope":{},"dsseEnvelope"')],
    ["an unknown field", edited((bundle) => (bundle.extra = 1))],
    ["an unknown field in the envelope", edited((bundle) => (bundle.dsseEnvelope.extra = 1))],
    ["another media type", edited((bundle) => (bundle.mediaType = "application/vnd.dev.sigstore.bundle.v0.2+json"))],
    ["another payload type", edited((bundle) => (bundle.dsseEnvelope.payloadType = "text/plain"))],
    ["two entries of logs", edited((bundle) => bundle.verificationMaterial.tlogEntries.push({}))],
    ["an index that is a number", edited(({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0].logIndex = 5))],
    ["two different indexes", edited(({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0].logIndex = "6"))],
    ["a time of the log", edited(({ verificationMaterial: { tlogEntries } }) => (tlogEntries[0].integratedTime = "1"))],
    ["no signature", edited((bundle) => (bundle.dsseEnvelope.signatures = []))],
    ["two signatures", edited((bundle) => bundle.dsseEnvelope.signatures.push(bundle.dsseEnvelope.signatures[0]))],
    ["an empty signature", edited((bundle) => (bundle.dsseEnvelope.signatures[0].sig = ""))],
    [
      "a hint that differs from the key",
      edited((bundle) => (bundle.verificationMaterial.publicKey.hint = "d".repeat(64))),
    ],
    ["a key named otherwise", edited((bundle) => (bundle.dsseEnvelope.signatures[0].keyid = "mine"))],
    ["a log entry nobody checks", edited((bundle) => bundle.verificationMaterial.tlogEntries.push({ logIndex: "0" }))],
    ["base64 without padding", text.replace("cw==", "cw")],
    ["a payload with spaces in its base64", edited((bundle) => (bundle.dsseEnvelope.payload += " "))],
    ["a payload that is not UTF-8", edited((bundle) => (bundle.dsseEnvelope.payload = "/w=="))],
    ["a payload that is a number", edited((bundle) => (bundle.dsseEnvelope.payload = 1))],
    ["base64 with bits beyond its end", text.replace("cw==", "cx==")],
  ])("is refused with %s", (_what, spoilt) => {
    expect(spoilt).not.toBe(text);
    expect(() => parseBundle(spoilt)).toThrow(expect.objectContaining({ code: "PROOF_INVALID" }));
  });
});
