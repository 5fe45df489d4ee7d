import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createArtifacts } from "../../src/adapters/filesystem/artifacts.ts";
import { createCodeStore } from "../../src/adapters/filesystem/code-store.ts";
import type { Output } from "../../src/domain/run.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { snapshotOf } from "../../src/domain/snapshot.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { createProofFiles } from "../../src/adapters/filesystem/proof-files.ts";
import { openLocalSigner } from "../../src/adapters/signing/local-signer.ts";
import { bundleText, unsignedFields } from "../../src/domain/bundle.ts";
import { endedRun, statementFacts } from "../support/ended-run.ts";
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
  const proof = await sealRun(run, statementFacts(), openLocalSigner(join(folder, "keys")));
  await createProofFiles({ folder: join(folder, "proofs"), crashPoint: noCrashPoint }).write([
    { proof, text: bundleText(proof) },
  ]);
  return { folder, run, file: join(folder, "proofs/2026/03/01", `${run.id}.sigstore.json`) };
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
    expect(rows).toHaveLength(7);
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
