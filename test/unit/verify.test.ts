import { generateKeyPairSync } from "node:crypto";
import { describe, expect, it } from "vitest";
import { bundleText, type LogEntry, parseBundle, unsignedFields } from "../../src/domain/bundle.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { statementPae } from "../../src/domain/dsse.ts";
import { statementOf } from "../../src/domain/statement.ts";
import { tlogStatementText } from "../../src/domain/tlog-statement.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import type { Evidence } from "../../src/proofs/evidence.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import type { Verification } from "../../src/proofs/verification.ts";
import { snapshot, task } from "../support/definitions.ts";
import { endedRun, inline, statementFacts } from "../support/ended-run.ts";
import { createTestLog } from "../support/test-log.ts";
import { createTestSigner } from "../support/test-signer.ts";
import { tinyPackage } from "../support/tiny-package.ts";
import type { Parsed } from "../support/parsed.ts";

const signer = createTestSigner();
const keys = [trustedKey(signer.publicKey)];
const frozen = snapshot([task("one"), task("two", { after: ["one"] })]);
const run = endedRun(frozen, { one: inline({ n: 1 }) });
const log = createTestLog([signer.publicKey]);
const logs = [log.key];
const bundle = await log.bundle(await sealRun(run, statementFacts(), signer));

/** A file that the trusted key signed over whatever statement. */
async function signedText(statement: string): Promise<string> {
  const signature = (await signer.sign(statementPae(statement))).toString("base64");
  return log.bundle({ statement, signature, keyId: signer.keyId });
}

function failures({ findings }: Verification): string[] {
  return findings.filter(({ status }) => status === "failed").map(({ check }) => check);
}

describe("verifying a proof file alone", () => {
  it("is valid under the trusted key, which it names", async () => {
    const { result, keyId, statement, findings } = await verifyProof({ logs, bundle, keys });
    expect({ result, keyId }).toEqual({ result: "valid", keyId: signer.keyId });
    expect(statement?.predicate.outcome.status).toBe("failed");
    expect(findings.map(({ check }) => check)).toEqual([
      "bundle",
      "key",
      "signature",
      "statement",
      "tasks",
      "subjects",
      "chain",
      "leaf",
      "path",
      "checkpoint",
    ]);
    expect(findings.find(({ check }) => check === "signature")?.message).toContain(signer.keyId);
  });

  it("takes Ed25519 keys as well, and refuses their proofs when a bit is flipped", async () => {
    const ed25519 = createTestSigner("ed25519");
    const own = createTestLog([ed25519.publicKey]);
    const trust = { logs: [own.key], keys: [trustedKey(ed25519.publicKey)] };
    const proof = await own.bundle(await sealRun(run, statementFacts(), ed25519));
    expect(await verifyProof({ bundle: proof, ...trust })).toMatchObject({ result: "valid", keyId: ed25519.keyId });
    const { signature, ...rest } = parseBundle(proof);
    const flipped = Buffer.from(signature, "base64");
    flipped[5]! ^= 1;
    const other = bundleText({ ...rest, signature: flipped.toString("base64") });
    expect(failures(await verifyProof({ bundle: other, ...trust }))).toContain("signature");
  });

  it("finds the right one of several trusted keys", async () => {
    const many = [trustedKey(createTestSigner().publicKey), ...keys];
    expect(await verifyProof({ logs, bundle, keys: many })).toMatchObject({ result: "valid", keyId: signer.keyId });
  });

  it("is never valid without a key to trust", async () => {
    expect(await verifyProof({ logs, bundle, keys: [] })).toMatchObject({ result: "incomplete", keyId: null });
  });

  it("is refused when the file names a key that is not trusted", async () => {
    const verification = await verifyProof({ logs, bundle, keys: [trustedKey(createTestSigner().publicKey)] });
    expect(verification).toMatchObject({ result: "refused", keyId: null });
    expect(failures(verification)).toEqual(["key"]);
  });

  it("is refused when another key signed in the name of the trusted one", async () => {
    const impostor = { ...createTestSigner(), keyId: signer.keyId };
    const forged = await log.bundle(await sealRun(run, statementFacts(), impostor));
    const verification = await verifyProof({ logs, bundle: forged, keys });
    expect(verification).toMatchObject({ result: "refused", keyId: null });
    expect(failures(verification)).toEqual(["signature"]);
  });

  it("refuses each byte of the file when it is flipped, unsigned fields included", async () => {
    const bytes = Buffer.from(bundle, "utf8");
    for (let position = 0; position < bytes.length; position++) {
      for (const bit of [0x01, 0x20]) {
        const flipped = Buffer.from(bytes);
        flipped[position]! ^= bit;
        const verification = await verifyProof({ logs, bundle: flipped.toString("utf8"), keys });
        expect(verification.result, `byte ${position}, bit ${bit}`).toBe("refused");
      }
    }
  });

  it("refuses another value in every field that the signature does not cover", async () => {
    for (const field of unsignedFields) {
      const spoilt = JSON.parse(bundle);
      const path = field.split(/[.[\]]+/).filter(Boolean);
      const parent = path.slice(0, -1).reduce((value, key) => value[key], spoilt);
      const last = path.at(-1)!;
      expect(parent, field).toHaveProperty(last);
      const value = parent[last];
      parent[last] = Array.isArray(value) ? [{}] : typeof value === "object" ? { ...value, more: 1 } : `${value} `;
      const verification = await verifyProof({ logs, bundle: `${canonicalJson(spoilt)}\n`, keys });
      expect(verification.result, field).toBe("refused");
    }
  });

  it.each<[string, string, (statement: Parsed) => string]>([
    ["spaces in the statement", "statement", (s) => JSON.stringify(s, null, 1)],
    ["a repeated key", "statement", (s) => canonicalJson(s).replace('{"_type"', '{"_type":"x","_type"')],
    ["no JSON at all", "statement", () => "hello"],
    [
      "another kind of statement",
      "statement",
      (s) => canonicalJson({ ...s, predicateType: "https://slsa.dev/provenance/v1" }),
    ],
    [
      "a subject more than there are outputs",
      "subjects",
      (s) => {
        s.subject.push({ name: "output/three", digest: { sha256: "a".repeat(64) } });
        return canonicalJson(s);
      },
    ],
    [
      "a subject with another digest",
      "subjects",
      (s) => {
        s.subject[0].digest.sha256 = "a".repeat(64);
        return canonicalJson(s);
      },
    ],
    [
      "a success although a task failed",
      "tasks",
      (s) => {
        s.predicate.outcome.status = "succeeded";
        return canonicalJson(s);
      },
    ],
    [
      "a task that is there twice",
      "tasks",
      (s) => {
        s.predicate.tasks.push(s.predicate.tasks[1]);
        return canonicalJson(s);
      },
    ],
    [
      "two successes of one task",
      "tasks",
      (s) => {
        const [attempt] = s.predicate.tasks[0].attempts;
        s.predicate.tasks[0].attempts.push({ ...attempt, n: 2 });
        return canonicalJson(s);
      },
    ],
    [
      "a gap in the attempts",
      "tasks",
      (s) => {
        s.predicate.tasks[1].attempts[0].n = 2;
        return canonicalJson(s);
      },
    ],
    [
      "a proof before the first",
      "chain",
      (s) => {
        s.predicate.outcome.previousProof = "a".repeat(64);
        return canonicalJson(s);
      },
    ],
    [
      "no proof before the second",
      "chain",
      (s) => {
        s.predicate.outcome.runNumber = 2;
        return canonicalJson(s);
      },
    ],
  ])("refuses %s even when the trusted key signed it", async (_what, check, spoil) => {
    const statement = spoil(structuredClone(statementOf(run, statementFacts())));
    const verification = await verifyProof({ logs, bundle: await signedText(statement), keys });
    expect(verification.result).toBe("refused");
    expect(failures(verification)).toContain(check);
  });

  it("is incomplete without a log to trust, and without a place in one", async () => {
    expect(await verifyProof({ bundle, keys, logs: [] })).toMatchObject({ result: "incomplete", keyId: signer.keyId });
    const alone = bundleText({ ...parseBundle(bundle), entry: null });
    const verification = await verifyProof({ bundle: alone, keys, logs });
    expect(verification).toMatchObject({ result: "incomplete", keyId: signer.keyId });
    expect(verification.findings.at(-1)).toMatchObject({ check: "leaf", status: "unknown" });
  });

  it.each<[string, string, (entry: LogEntry, other: LogEntry) => Partial<LogEntry>]>([
    ["the leaf of another statement", "leaf", (_, other) => ({ body: other.body })],
    ["another place", "path", ({ index }) => ({ index: index - 1 })],
    ["a path that was cut", "path", ({ path }) => ({ path: path.slice(1) })],
    ["a path with more hashes", "path", ({ path }) => ({ path: [...path, path[0]!] })],
    ["another root", "checkpoint", (_, other) => ({ root: other.root })],
    ["another size", "checkpoint", ({ size }) => ({ size: size + 1 })],
    ["a head that came later", "checkpoint", (_, other) => ({ checkpoint: other.checkpoint })],
    ["another log id", "checkpoint", () => ({ logId: Buffer.alloc(32).toString("base64") })],
    [
      "a line more under the head",
      "checkpoint",
      ({ checkpoint }) => ({ checkpoint: `${checkpoint}— x.test AAAAAAA=\n` }),
    ],
    ["no head", "checkpoint", () => ({ checkpoint: "" })],
  ])("refuses %s", async (_what, check, spoil) => {
    const sealed = parseBundle(bundle);
    const { entry: other } = parseBundle(await signedText(canonicalJson({ other: true })));
    const spoilt = bundleText({ ...sealed, entry: { ...sealed.entry!, ...spoil(sealed.entry!, other!) } });
    const verification = await verifyProof({ bundle: spoilt, keys, logs });
    expect(verification.result).toBe("refused");
    expect(failures(verification)).toContain(check);
  });

  it("refuses the head of a log that is not trusted, and of another log under the same name", async () => {
    for (const origin of ["other.test", "log.test"]) {
      const stranger = createTestLog([signer.publicKey], origin);
      const verification = await verifyProof({ bundle, keys, logs: [stranger.key] });
      expect(verification.result).toBe("refused");
      expect(failures(verification)).toEqual(["checkpoint"]);
    }
  });

  it("says of a statement that opens a log only what it is", async () => {
    const { keyId } = signer;
    const opening = tlogStatementText({ origin: "log.test", vkey: "v", proofKey: keyId, previous: null, openedAt: 0 });
    const verification = await verifyProof({ bundle: await signedText(opening), keys, logs });
    expect(verification).toMatchObject({ result: "valid", statement: null });
  });

  it("asks for no evidence when the file is not signed by a trusted key", async () => {
    const evidence: Evidence = {
      output: () => Promise.reject(new Error("asked")),
      manifest: () => Promise.reject(new Error("asked")),
    };
    expect((await verifyProof({ logs, bundle, keys: [], evidence })).result).toBe("incomplete");
  });
});

describe("verifying a proof against what is kept of its run", () => {
  const tiny = tinyPackage();
  const identity = tiny.identity;
  const ofPackage = snapshot([task("only")]);
  const withPackage = {
    ...endedRun(
      { ...ofPackage, package: identity, code: { only: tiny.content.manifest.fingerprint.tasks["flow/only"]! } },
      { only: inline("hello") },
    ),
  };
  const seal = async (change = {}) => sealRun(withPackage, statementFacts(change), signer);
  const evidence = (change: Evidence = {}): Evidence => ({
    output: async () => Buffer.from('"hello"'),
    manifest: async () => tiny.content.manifestBytes,
    ...change,
  });

  it("recomputes the digests of outputs and package", async () => {
    const verification = await verifyProof({
      logs,
      bundle: await log.bundle(await seal()),
      keys,
      evidence: evidence(),
    });
    expect(verification.result).toBe("valid");
    expect(verification.findings.map(({ check }) => check).slice(-2)).toEqual(["package", "output"]);
  });

  it.each<[string, string, Evidence]>([
    ["an output that was changed", "output", { output: async () => Buffer.from('"hullo"') }],
    ["another manifest", "package", { manifest: async () => Buffer.from("{}") }],
  ])("refuses %s", async (_what, check, change) => {
    const verification = await verifyProof({
      logs,
      bundle: await log.bundle(await seal()),
      keys,
      evidence: evidence(change),
    });
    expect(verification.result).toBe("refused");
    expect(failures(verification)).toEqual([check]);
  });

  it("refuses code that is not the package's", async () => {
    const other = { ...withPackage, snapshot: { ...withPackage.snapshot, code: { only: sha256("other") } } };
    const sealed = await sealRun(other, statementFacts(), signer);
    const verification = await verifyProof({ logs, bundle: await log.bundle(sealed), keys, evidence: evidence() });
    expect(failures(verification)).toEqual(["package"]);
  });

  it.each<[string, Evidence]>([
    ["outputs", { output: async () => undefined }],
    ["the package", { manifest: async () => undefined }],
  ])("stays incomplete when %s are not kept any more", async (_what, change) => {
    const verification = await verifyProof({
      logs,
      bundle: await log.bundle(await seal()),
      keys,
      evidence: evidence(change),
    });
    expect(verification).toMatchObject({ result: "incomplete", keyId: signer.keyId });
  });

  it("follows the chain to the proof before it", async () => {
    const first = await seal();
    const second = await seal({ runNumber: 2, previousProof: first.digest });
    const asked: unknown[] = [];
    const chain: Evidence = {
      statement: async (...place) => {
        asked.push(place);
        return first.statement;
      },
    };
    const verification = await verifyProof({ logs, bundle: await log.bundle(second), keys, evidence: chain });
    expect(verification.result).toBe("valid");
    expect(asked).toEqual([["tiny/flow", 1]]);
  });

  it("refuses a chain that leads to another proof, or to one at another place", async () => {
    const first = await seal();
    const third = await seal({ runNumber: 3, previousProof: first.digest });
    const other = await sealRun(run, statementFacts(), signer);
    for (const statement of [first.statement, other.statement]) {
      const verification = await verifyProof({
        logs,
        bundle: await log.bundle(third),
        keys,
        evidence: { statement: async () => statement },
      });
      expect(failures(verification)).toEqual(["previous"]);
    }
  });

  it("stays incomplete when the proof before it is not there", async () => {
    const second = await seal({ runNumber: 2, previousProof: "a".repeat(64) });
    const chain: Evidence = { statement: async () => undefined };
    expect((await verifyProof({ logs, bundle: await log.bundle(second), keys, evidence: chain })).result).toBe(
      "incomplete",
    );
  });
});

describe("a key to trust", () => {
  const pem = (type: "spki" | "pkcs8", curve: string) => {
    const pair = generateKeyPairSync("ec", { namedCurve: curve });
    return type === "spki"
      ? pair.publicKey.export({ type, format: "pem" }).toString()
      : pair.privateKey.export({ type, format: "pem" }).toString();
  };

  const rsaKey = () =>
    generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ type: "spki", format: "pem" }).toString();

  it("is known by the SHA-256 of its SPKI bytes", () => {
    expect(keys[0]!.keyId).toBe(signer.keyId);
  });

  it.each([
    ["an empty file", ""],
    ["a private key", pem("pkcs8", "P-256")],
    ["a key on another curve", pem("spki", "P-384")],
    ["a key of another kind", rsaKey()],
    ["a damaged key", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"],
  ])("is not read from %s", (_what, text) => {
    expect(() => trustedKey(text)).toThrow(expect.objectContaining({ code: "KEY_UNREADABLE" }));
  });
});
