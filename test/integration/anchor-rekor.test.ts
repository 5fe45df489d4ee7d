import { createPublicKey } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { describe, expect, it } from "vitest";
import { createHttpExchange } from "../../src/adapters/anchors/http-exchange.ts";
import { checkRekorBundle } from "../../src/proofs/anchors/rekor-bundle.ts";
import { createRekorAnchor } from "../../src/proofs/anchors/rekor-anchor.ts";
import type { NoteKey } from "../../src/proofs/tlog/note.ts";
import { trustedRootText } from "../../src/proofs/trusted-root.ts";
import { growingLog } from "../support/growing-log.ts";
import { httpDouble, refusedUrl } from "../support/http-double.ts";
import type { Parsed } from "../support/parsed.ts";
import { realClock } from "../support/real-clock.ts";
import { type RekorDouble, rekorDouble } from "../support/rekor-double.ts";
import { createTestSigner } from "../support/test-signer.ts";

const never = new AbortController().signal;
const signer = createTestSigner();

function anchorOf(url: string, log: NoteKey) {
  const terms = { name: "rekor", everyMs: 1, timeoutMs: 500, url: `${url}/`, log };
  return createRekorAnchor(terms, createHttpExchange(realClock), signer);
}

async function posted(rekor: RekorDouble) {
  const log = growingLog();
  const head = await log.grow(3);
  const anchoring = await anchorOf(rekor.url, rekor.log.key).step(log.show(head), null, never);
  return { checkpoint: head.checkpoint, text: Buffer.from(anchoring.done ? anchoring.receipt : []).toString() };
}

describe("a Rekor v2 log", () => {
  it("takes the checkpoint, and its entry verifies offline", async () => {
    const rekor = await rekorDouble();
    const { checkpoint, text } = await posted(rekor);
    expect(checkRekorBundle(text, checkpoint, rekor.log.key)).toEqual({ index: 5, size: 7 });
    expect(checkRekorBundle(text, `${checkpoint}x`, rekor.log.key)).toBe("its signature is not of this checkpoint");
    const other = await rekorDouble();
    expect(checkRekorBundle(text, checkpoint, other.log.key)).toBe("its log id is of another log");
  });

  it("gives a bundle that Sigstore's own verifier takes for the checkpoint, and for nothing else", async () => {
    const rekor = await rekorDouble();
    const { checkpoint, text } = await posted(rekor);
    const publicKey = createPublicKey(signer.publicKey);
    const root = TrustedRoot.fromJSON(JSON.parse(trustedRootText([rekor.log.key])));
    const material = toTrustMaterial(root, () => ({ publicKey, validFor: () => true }));
    const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
    const judge = (data: string) =>
      verifier.verify(toSignedEntity(bundleFromJSON(JSON.parse(text)), Buffer.from(data)));
    expect(() => judge(checkpoint)).not.toThrow();
    expect(() => judge(`${checkpoint}x`)).toThrow();
  });

  const spoiled: [string, (entry: Parsed) => unknown, string][] = [
    [
      "the proof of another leaf",
      (entry) => ({ ...entry, logIndex: "4", inclusionProof: { ...entry.inclusionProof, logIndex: "4" } }),
      "another root",
    ],
    [
      "an index beyond its log",
      (entry) => ({ ...entry, logIndex: "99", inclusionProof: { ...entry.inclusionProof, logIndex: "99" } }),
      "beyond",
    ],
    ["two indexes", (entry) => ({ ...entry, logIndex: "4" }), "proof of inclusion"],
    [
      "another body",
      (entry) => ({ ...entry, canonicalizedBody: Buffer.from("{}").toString("base64") }),
      "something else",
    ],
    ["no proof", ({ inclusionProof: _, ...entry }) => entry, "proof of inclusion"],
    [
      "a head that its log has not signed",
      (entry) => ({
        ...entry,
        inclusionProof: { ...entry.inclusionProof, checkpoint: { envelope: "rekor.test\n7\n" } },
      }),
      "not signed by the trusted log",
    ],
    ["a short path", (entry) => ({ ...entry, inclusionProof: { ...entry.inclusionProof, hashes: [] } }), "too short"],
    ["another kind", (entry) => ({ ...entry, kindVersion: { kind: "dsse", version: "0.0.2" } }), "hashedrekord"],
    ["no entry", () => [], "proof of inclusion"],
  ];
  it.each(spoiled)("is not believed with %s", async (_what, spoil, message) => {
    const rekor = await rekorDouble();
    rekor.spoil = spoil;
    await expect(posted(rekor)).rejects.toMatchObject({
      code: "ANCHOR_INVALID",
      message: expect.stringContaining(message),
    });
  });

  it.each([
    ["no JSON", { body: "<html>" }, "ANCHOR_INVALID"],
    ["an error", { status: 503, body: "busy" }, "ANCHOR_UNREACHABLE"],
    ["a redirect", { status: 307, headers: { location: "http://127.0.0.1:1" } }, "ANCHOR_INVALID"],
    ["too much", { body: "x".repeat(100_000) }, "ANCHOR_INVALID"],
    ["nothing", "never" as const, "ANCHOR_UNREACHABLE"],
  ])("is not believed with %s", async (_what, answer, code) => {
    const { url } = await httpDouble(() => answer);
    const log = growingLog();
    const step = anchorOf(url, log.key).step(log.show(await log.grow(1)), null, never);
    await expect(step).rejects.toMatchObject({ code });
  });

  it("is not there", async () => {
    const log = growingLog();
    const step = anchorOf(await refusedUrl(), log.key).step(log.show(await log.grow(1)), null, never);
    await expect(step).rejects.toMatchObject({ code: "ANCHOR_UNREACHABLE" });
  });
});
