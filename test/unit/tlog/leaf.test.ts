import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { bundleFromJSON } from "@sigstore/bundle";
import { toSignedEntity, Verifier } from "@sigstore/verify";
import { describe, expect, it } from "vitest";
import { bundleText } from "../../../src/domain/bundle.ts";
import { statementPae } from "../../../src/domain/dsse.ts";
import { canonicalJson } from "../../../src/kernel/canonical-json.ts";
import { sha256 } from "../../../src/kernel/digest.ts";
import { formatCheckpoint } from "../../../src/proofs/tlog/checkpoint.ts";
import { type LeafContent, leafBody, leafProblem } from "../../../src/proofs/tlog/leaf.ts";
import { hashLeaf, inclusionPath } from "../../../src/proofs/tlog/merkle.ts";
import { ed25519NoteSignature, formatNote, noteKeyId } from "../../../src/proofs/tlog/note.ts";
import { countedLeaves, naiveNodes, naiveRoot } from "../../support/naive-log.ts";
import { ed25519Key, testNoteKey } from "../../support/note-keys.ts";

const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey;
const ed25519 = ed25519Key(Buffer.alloc(32, 9));

function spkiOf(privateKey: KeyObject): Buffer {
  return createPublicKey(privateKey).export({ type: "spki", format: "der" });
}

/** The same P-256 key in the other, shorter spelling. */
function compressedSpkiOf(privateKey: KeyObject): Buffer {
  const point = spkiOf(privateKey).subarray(-64);
  const head = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");
  return Buffer.concat([head, Buffer.of(2 + (point.at(-1)! % 2)), point.subarray(0, 32)]);
}

function contentOf(privateKey: KeyObject, statement = '{"a":"ä"}'): LeafContent {
  const algorithm = privateKey === p256 ? "sha256" : null;
  const signature = sign(algorithm, statementPae(statement), privateKey).toString("base64");
  return { statement, signature, publicKey: spkiOf(privateKey) };
}

describe.each([
  { kind: "P-256", privateKey: p256, keyDetails: "PKIX_ECDSA_P256_SHA_256" },
  { kind: "Ed25519", privateKey: ed25519, keyDetails: "PKIX_ED25519" },
])("the leaf of a statement signed with $kind", ({ privateKey, keyDetails }) => {
  const content = contentOf(privateKey);

  it("is the RFC 8785 form of a hashedrekord 0.0.2", () => {
    const digest = createHash("sha256").update(`DSSEv1 28 application/vnd.in-toto+json 10 {"a":"ä"}`).digest("base64");
    const entry = {
      kind: "hashedrekord",
      apiVersion: "0.0.2",
      spec: {
        hashedRekordV002: {
          signature: {
            content: content.signature,
            verifier: { publicKey: { rawBytes: Buffer.from(content.publicKey).toString("base64") }, keyDetails },
          },
          data: { digest, algorithm: "SHA2_256" },
        },
      },
    };
    expect(leafBody(content).toString("utf8")).toBe(canonicalJson(entry));
    expect(leafProblem(leafBody(content), content)).toBeUndefined();
  });

  it("is told apart from that of any other statement, signature or key", () => {
    const body = leafBody(content);
    const text = body.toString();
    expect(leafProblem(body, { ...content, statement: '{"a":"b"}' })).toBe("the leaf is of another statement");
    const signature = Buffer.alloc(64).toString("base64");
    expect(leafProblem(body, { ...content, signature })).toBe("the leaf is of another signature");
    const publicKey = spkiOf(privateKey === p256 ? ed25519 : p256);
    expect(leafProblem(body, { ...content, publicKey })).toBe("the leaf is of another key");
    const other = "the leaf has other bytes than its content is written as";
    expect(leafProblem(Buffer.from(`${text} `), content)).toBe(other);
    expect(leafProblem(Buffer.from(text.replace("0.0.2", "0.0.1")), content)).toBe(other);
    expect(leafProblem(Buffer.from(text.replace('"kind"', '"extra":1,"kind"')), content)).toBe(other);
    for (const strange of ["", "null", "[]", "{}", '{"spec":{}}', "\ufeff", text.slice(1)]) {
      expect(leafProblem(Buffer.from(strange), content), strange).toBe("the leaf is not a hashedrekord 0.0.2");
    }
  });

  it("is refused with any bit flipped", () => {
    const body = leafBody(content);
    for (let bit = 0; bit < body.length * 8; bit++) {
      const spoilt = Buffer.from(body);
      spoilt[bit >> 3]! ^= 1 << (bit & 7);
      expect(leafProblem(spoilt, content), `bit ${bit}`).toBeDefined();
    }
  });

  it("is taken by Sigstore's verifier, with the checkpoint and the path above it, and refused when any of them is spoilt", async () => {
    const leaf = leafBody(content);
    const log = testNoteKey("log.example", 1, 1);
    const logKey = createPublicKey(log.privateKey);
    const { judge, entryOf } = judgeOf(content, logKey, noteKeyId(log.key));
    const leaves = countedLeaves(300).with(70, leaf);
    const path = await inclusionPath(70, 300, naiveNodes(leaves));
    const head = formatCheckpoint({ origin: "log.example", size: 300, root: naiveRoot(leaves) });
    const checkpoint = formatNote({ body: head, signatures: [ed25519NoteSignature(head, log.key, log.privateKey)] });
    const good = { leaf, path, checkpoint };
    expect(() => judge(entryOf(good))).not.toThrow();
    const another = leafBody(contentOf(privateKey, '{"b":1}'));
    expect(() => judge(entryOf({ ...good, leaf: another }))).toThrow();
    expect(() => judge(entryOf({ ...good, path: [hashLeaf(leaf), ...path.slice(1)] }))).toThrow();
    expect(() => judge(entryOf({ ...good, checkpoint: checkpoint.replace("300", "301") }))).toThrow();
  });
});

/** `@sigstore/verify` with one log and one key to trust, and how it is shown a log entry of the content. */
function judgeOf(content: LeafContent, logKey: KeyObject, logId: Buffer) {
  const keyId = sha256(content.publicKey);
  const publicKey = createPublicKey({ key: Buffer.from(content.publicKey), format: "der", type: "spki" });
  const validFor = { start: new Date(0), end: new Date(8_640_000_000_000_000) };
  const verifier = new Verifier(
    {
      certificateAuthorities: [],
      timestampAuthorities: [],
      ctlogs: [],
      tlogs: [{ logID: logId, baseURL: "https://log.example", publicKey: logKey, validFor }],
      publicKey: () => ({ publicKey, validFor: () => true }),
    },
    { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 },
  );
  return {
    entryOf: ({ leaf, path, checkpoint }: { leaf: Buffer; path: readonly Buffer[]; checkpoint: string }) => ({
      logIndex: "70",
      logId: { keyId: logId.toString("base64") },
      kindVersion: { kind: "hashedrekord", version: "0.0.2" },
      integratedTime: "0",
      inclusionProof: {
        logIndex: "70",
        treeSize: "300",
        rootHash: checkpoint.split("\n")[2],
        hashes: path.map((hash) => hash.toString("base64")),
        checkpoint: { envelope: checkpoint },
      },
      canonicalizedBody: leaf.toString("base64"),
    }),
    judge: (entry: unknown) => {
      const bundle = JSON.parse(bundleText({ ...content, keyId, entry: null }));
      bundle.verificationMaterial.tlogEntries = [entry];
      verifier.verify(toSignedEntity(bundleFromJSON(bundle)));
    },
  };
}

describe("a leaf", () => {
  const content = contentOf(p256);

  it("names a P-256 or Ed25519 key, and no other", () => {
    const others = [
      compressedSpkiOf(p256),
      spkiOf(generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey),
      spkiOf(p256).subarray(1),
      Buffer.alloc(91),
      Buffer.alloc(0),
    ];
    for (const publicKey of others) {
      expect(() => leafBody({ ...content, publicKey })).toThrow("broken invariant");
      expect(leafProblem(leafBody(content), { ...content, publicKey })).toBe("the key is neither P-256 nor Ed25519");
    }
  });

  it("holds a signature in base64, and nothing that would end it early", () => {
    for (const signature of ['","x":"', "AA", "A A="]) {
      expect(() => leafBody({ ...content, signature })).toThrow("broken invariant");
      expect(leafProblem(leafBody(content), { ...content, signature })).toBe("the signature is not base64");
    }
  });
});
