import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { bundleFromJSON } from "@sigstore/bundle";
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { toSignedEntity, toTrustMaterial, Verifier } from "@sigstore/verify";
import { describe, expect, it } from "vitest";
import { createArtifacts } from "../../src/adapters/filesystem/artifacts.ts";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import type { Output } from "../../src/domain/run.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { snapshotOf } from "../../src/domain/snapshot.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { createProofFiles } from "../../src/adapters/filesystem/proof-files.ts";
import { openLocalSigner } from "../../src/adapters/signing/local-signer.ts";
import { unsignedFields } from "../../src/domain/bundle.ts";
import { proofFileName } from "../../src/domain/proof.ts";
import { trustedRootText } from "../../src/proofs/trusted-root.ts";
import { createProofPacks } from "../../src/adapters/filesystem/proof-packs.ts";
import { createSyncedWriter } from "../../src/adapters/filesystem/synced-writer.ts";
import { endedRun, statementFacts } from "../support/ended-run.ts";
import { createTestLog } from "../support/test-log.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { tinyPackage } from "../support/tiny-package.ts";
import type { Parsed } from "../support/parsed.ts";
import { skipsAllowed } from "../support/skipping.ts";

const absent = spawnSync("openssl", ["version"]).error ? "skipped: there is no openssl on this host" : false;
if (absent) console.warn(absent);

/** Twenty lines that know the formats from their specifications alone: no code of the project is behind them. */
interface SignedBytes {
  pae: Buffer;
  signature: Buffer;
  statement: Parsed;
}
function signedBytes(file: string): SignedBytes {
  const envelope = JSON.parse(readFileSync(file, "utf8")).dsseEnvelope;
  const type = Buffer.from(envelope.payloadType, "utf8");
  const payload = Buffer.from(envelope.payload, "base64");
  const parts = [
    Buffer.from("DSSEv1"),
    Buffer.from(String(type.length)),
    type,
    Buffer.from(String(payload.length)),
    payload,
  ];
  const pae = Buffer.concat(parts.flatMap((part, index) => (index === 0 ? [part] : [Buffer.from(" "), part])));
  const signature = Buffer.from(envelope.signatures[0].sig, "base64");
  return { pae, signature, statement: JSON.parse(payload.toString("utf8")) };
}

function opensslAccepts(folder: string, { pae, signature }: Pick<SignedBytes, "pae" | "signature">): boolean {
  writeFileSync(join(folder, "judged.bin"), pae);
  writeFileSync(join(folder, "judged.sig"), signature);
  const key = join(folder, "keys/proof.pub.pem");
  const verify = [
    "dgst",
    "-sha256",
    "-verify",
    key,
    "-signature",
    join(folder, "judged.sig"),
    join(folder, "judged.bin"),
  ];
  const { status, stdout } = spawnSync("openssl", verify, { encoding: "utf8", timeout: 10_000 });
  return status === 0 && stdout.includes("Verified OK");
}

function opensslDigest(file: string): string {
  return execFileSync("openssl", ["dgst", "-sha256", "-r", file], { encoding: "utf8", timeout: 10_000 }).slice(0, 64);
}

/** A data folder as the daemon leaves it: a package, a large output and the proof of a run. */
async function provenRun() {
  const folder = tempFolder();
  const tiny = tinyPackage();
  for (const name of ["store", "artifacts"]) mkdirSync(join(folder, name));
  await createCodeStore({ root: join(folder, "store"), pid: 1, crashPoint: noCrashPoint }).put(tiny.content);
  const artifacts = createArtifacts(join(folder, "artifacts"));
  const large = await artifacts.put(Buffer.from(JSON.stringify("x".repeat(100_000))));
  const frozen = snapshotOf({
    package: tiny.identity,
    env: [],
    definition: tiny.content.manifest.workflows[0]!,
    code: { only: tiny.content.manifest.fingerprint.tasks["flow/only"]! },
  });
  const run = endedRun(frozen, { only: { kind: "artifact", ...large } satisfies Output });
  const signer = openLocalSigner(join(folder, "keys"));
  const proof = await sealRun(run, statementFacts(), signer);
  const log = createTestLog([signer.publicKey]);
  const name = proofFileName(proof);
  const sink = createProofFiles({
    folder: join(folder, "proofs"),
    writer: createSyncedWriter(),
    packs: createProofPacks(),
    crashPoint: noCrashPoint,
  });
  await sink.write([{ name, text: await log.bundle(proof) }]);
  const root = join(folder, "keys/trusted_root.json");
  writeFileSync(root, trustedRootText([log.key]));
  return { folder, run, file: join(folder, "proofs", name), key: join(folder, "keys/proof.pub.pem"), root };
}

describe("a proof before judges that are not ours", () => {
  it.skipIf(absent && skipsAllowed)("is accepted by OpenSSL over bytes rebuilt from the specifications", async () => {
    const { folder, file, run } = await provenRun();
    const judged = signedBytes(file);
    expect(opensslAccepts(folder, judged)).toBe(true);
    expect(judged.statement._type).toBe("https://in-toto.io/Statement/v1");
    expect(judged.statement.predicate.runDetails.metadata.invocationId).toBe(run.id);
  });

  it.skipIf(absent && skipsAllowed)(
    "is refused by OpenSSL when one byte of payload, payload type or signature is flipped",
    async () => {
      const { folder, file } = await provenRun();
      const bundle = JSON.parse(readFileSync(file, "utf8"));
      const spoilt = (edit: (envelope: Parsed) => void) => {
        const copy = structuredClone(bundle);
        edit(copy.dsseEnvelope);
        const path = join(folder, "spoilt.json");
        writeFileSync(path, JSON.stringify(copy));
        return opensslAccepts(folder, signedBytes(path));
      };
      const flip = (base64: string, position: number) => {
        const bytes = Buffer.from(base64, "base64");
        bytes[position]! ^= 1;
        return bytes.toString("base64");
      };
      expect(spoilt(() => undefined)).toBe(true);
      // Inside string values, so that the payload stays JSON.
      const payload = Buffer.from(bundle.dsseEnvelope.payload, "base64").toString("utf8");
      for (const word of ["succeeded", "output/only", "tiny/flow", "startedOn"]) {
        const position = Buffer.byteLength(payload.slice(0, payload.indexOf(word)));
        expect(
          spoilt((envelope) => (envelope.payload = flip(envelope.payload, position))),
          word,
        ).toBe(false);
      }
      expect(spoilt((envelope) => (envelope.payloadType = "application/vnd.in-toto+jsoo"))).toBe(false);
      for (const position of [0, 10, 40, 69]) {
        const change = (envelope: Parsed) => (envelope.signatures[0].sig = flip(envelope.signatures[0].sig, position));
        expect(spoilt(change), `signature byte ${position}`).toBe(false);
      }
    },
  );

  it.skipIf(absent && skipsAllowed)(
    "names the package and the output by digests that OpenSSL finds in their files",
    async () => {
      const { folder, file } = await provenRun();
      const { statement } = signedBytes(file);
      const [code] = statement.predicate.buildDefinition.resolvedDependencies;
      const [stored] = readdirSync(join(folder, "store"));
      expect(opensslDigest(join(folder, "store", stored!, "manifest.json"))).toBe(code.digest.sha256);
      const manifest = JSON.parse(readFileSync(join(folder, "store", stored!, "manifest.json"), "utf8"));
      for (const { path, sha256 } of manifest.files) {
        expect(opensslDigest(join(folder, "store", stored!, path))).toBe(sha256);
      }
      const [output] = statement.subject;
      expect(output.name).toBe("output/only");
      expect(existsSync(join(folder, "artifacts", output.digest.sha256))).toBe(true);
      expect(opensslDigest(join(folder, "artifacts", output.digest.sha256))).toBe(output.digest.sha256);
    },
  );
});

const noPython = spawnSync("python3", ["--version"]).error ? "skipped: there is no python3 on this host" : absent;
if (noPython) console.warn(noPython);
const judges = join(import.meta.dirname, "../judges");
const python = (script: string, ...files: string[]) =>
  spawnSync("python3", ["-B", join(judges, script), ...files], { encoding: "utf8", timeout: 120_000 });

describe("a proof before a verifier in Python that has none of our code", () => {
  it.skipIf(noPython && skipsAllowed)("is accepted", async () => {
    const { file, key, root } = await provenRun();
    const { status, stdout, stderr } = python("verify_proof.py", file, key, root);
    expect({ status, stderr, lines: stdout.trim().split("\n").length }).toEqual({ status: 0, stderr: "", lines: 4 });
  });

  it.skipIf(noPython && skipsAllowed)(
    "is refused when any single bit of payload, signature, leaf, path, checkpoint or trusted root is flipped",
    async () => {
      const { file, key, root } = await provenRun();
      const { status, stdout, stderr } = python("every_bit.py", file, key, root);
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const parts = JSON.parse(stdout) as Record<string, { flipped: number; accepted: number[] }>;
      expect(Object.keys(parts)).toEqual(
        expect.arrayContaining(["payload", "signature", "leaf", "path 0", "checkpoint", "root key", "root log id"]),
      );
      for (const [part, { flipped, accepted }] of Object.entries(parts)) {
        expect(flipped, part).toBeGreaterThan(100);
        expect(accepted, part).toEqual([]);
      }
    },
    130_000,
  );
});

describe("a proof before Sigstore's own verifier", () => {
  async function sigstoreJudge() {
    const { file, key, root } = await provenRun();
    const [bundle, trustedRoot] = [file, root].map((path) => JSON.parse(readFileSync(path, "utf8")));
    const publicKey = createPublicKey(readFileSync(key));
    /** Thresholds: one log, no certificates, no time stamps. */
    const accepts = (changedBundle: Parsed, changedRoot: Parsed): boolean => {
      try {
        const material = toTrustMaterial(TrustedRoot.fromJSON(changedRoot), () => ({
          publicKey,
          validFor: () => true,
        }));
        const verifier = new Verifier(material, { tlogThreshold: 1, ctlogThreshold: 0, timestampThreshold: 0 });
        verifier.verify(toSignedEntity(bundleFromJSON(changedBundle)));
        return true;
      } catch {
        return false;
      }
    };
    return { bundle, trustedRoot, accepts };
  }

  /** Bits, by their place, that can be flipped in some bytes of the file without a refusal. */
  function acceptedFlips(bytes: Buffer, accepts: (flipped: Buffer) => boolean): number[] {
    const accepted: number[] = [];
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      if (accepts(flipped)) accepted.push(bit);
    }
    return accepted;
  }

  it("is accepted", async () => {
    const { bundle, trustedRoot, accepts } = await sigstoreJudge();
    expect(accepts(bundle, trustedRoot)).toBe(true);
  });

  it("is refused when any single bit of payload, signature, leaf, path, checkpoint or trusted root is flipped", async () => {
    const { bundle, trustedRoot, accepts } = await sigstoreJudge();
    const of = (copy: Parsed): Parsed => copy.verificationMaterial.tlogEntries[0];
    type Put = (copy: Parsed, value: string) => void;
    const inBundle: [string, string, Put][] = [
      ["payload", bundle.dsseEnvelope.payload, (copy, value) => (copy.dsseEnvelope.payload = value)],
      [
        "signature",
        bundle.dsseEnvelope.signatures[0].sig,
        (copy, value) => (copy.dsseEnvelope.signatures[0].sig = value),
      ],
      ["leaf", of(bundle).canonicalizedBody, (copy, value) => (of(copy).canonicalizedBody = value)],
      ...of(bundle).inclusionProof.hashes.map((hash: string, index: number): [string, string, Put] => [
        `path ${index}`,
        hash,
        (copy, value) => (of(copy).inclusionProof.hashes[index] = value),
      ]),
    ];
    for (const [part, base64, put] of inBundle) {
      const accepted = acceptedFlips(Buffer.from(base64, "base64"), (flipped) => {
        const copy = structuredClone(bundle);
        put(copy, flipped.toString("base64"));
        return accepts(copy, trustedRoot);
      });
      expect(accepted, part).toEqual([]);
    }
    const inRoot: [string, Put][] = [
      ["publicKey.rawBytes", (copy, value) => (copy.tlogs[0].publicKey.rawBytes = value)],
      ["logId.keyId", (copy, value) => (copy.tlogs[0].logId.keyId = value)],
    ];
    for (const [field, put] of inRoot) {
      const [outer, inner] = field.split(".") as [string, string];
      const accepted = acceptedFlips(Buffer.from(trustedRoot.tlogs[0][outer][inner], "base64"), (flipped) => {
        const copy = structuredClone(trustedRoot);
        put(copy, flipped.toString("base64"));
        return accepts(bundle, copy);
      });
      // OpenSSL takes a key whose DER says that its last bits are not used, when those are 0: it is the same key.
      const isSameKey = (bit: number) => field === "publicKey.rawBytes" && bit >> 3 === 11;
      expect(
        accepted.filter((bit) => !isSameKey(bit)),
        field,
      ).toEqual([]);
    }
    // The bytes that the checkpoint's signature covers, and those of the signature.
    const { envelope } = of(bundle).inclusionProof.checkpoint as { envelope: string };
    const [note, line] = [envelope.slice(0, envelope.indexOf("\n\n") + 1), envelope.trimEnd().split(" ").at(-1)!];
    const withCheckpoint = (text: string) => {
      const copy = structuredClone(bundle);
      of(copy).inclusionProof.checkpoint.envelope = text;
      return accepts(copy, trustedRoot);
    };
    const noteFlips = acceptedFlips(Buffer.from(note), (flipped) =>
      withCheckpoint(envelope.replace(note, flipped.toString())),
    );
    const lineFlips = acceptedFlips(Buffer.from(line, "base64"), (flipped) =>
      withCheckpoint(envelope.replace(line, flipped.toString("base64"))),
    );
    expect({ noteFlips, lineFlips }).toEqual({ noteFlips: [], lineFlips: [] });
  }, 120_000);
});

describe("docs/proof-format.md", () => {
  const text = readFileSync(join(import.meta.dirname, "../../docs/proof-format.md"), "utf8");
  const block = (language: string, holding: string) => {
    const found = [...text.matchAll(/```(\w*)\n([\s\S]*?)```/g)].find(
      ([, kind, content]) => kind === language && content!.includes(holding),
    );
    return found![2]!;
  };

  it.skipIf(absent && skipsAllowed)("tells commands that check a proof without Cascade", async () => {
    const { folder, file } = await provenRun();
    writeFileSync(join(folder, "pae.mjs"), block("js", "dsseEnvelope"));
    writeFileSync(join(folder, "proof.pub.pem"), readFileSync(join(folder, "keys/proof.pub.pem")));
    const commands = block("sh", "openssl").replaceAll("node ", `"${process.execPath}" `).replaceAll("FILE", file);
    const output = execFileSync("/bin/sh", ["-e", "-c", commands], { cwd: folder, encoding: "utf8", timeout: 20_000 });
    expect(output).toBe("Verified OK\n");
    expect(JSON.parse(readFileSync(join(folder, "statement.json"), "utf8"))).toEqual(signedBytes(file).statement);
  });

  it("lists as unsigned exactly the fields that the signature does not cover", () => {
    const rows = [...text.matchAll(/^\| `([^`]+)`\s*\|[^|]*\| (no|yes|is the signature)\s*\|$/gm)];
    const unsigned = rows.filter(([, , signed]) => signed === "no").map(([, field]) => field);
    expect(unsigned.sort()).toEqual([...unsignedFields].sort());
    expect(rows).toHaveLength(16);
  });

  it("describes every field of the statement", async () => {
    const { file } = await provenRun();
    const { statement } = signedBytes(file);
    const keys = new Set<string>();
    JSON.stringify(statement, (key, value: unknown) => {
      if (!/^\d*$/.test(key)) keys.add(key);
      return value;
    });
    expect(keys.size).toBeGreaterThan(30);
    for (const key of keys) expect(text).toMatch(new RegExp(`\\b${key}\\b`));
  });
});
