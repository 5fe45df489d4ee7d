import { describe, expect, it } from "vitest";
import type { Manifest } from "../../src/domain/manifest.ts";
import { newRun, type RunRequest } from "../../src/domain/new-run.ts";
import type { Run } from "../../src/domain/run.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { signStatement } from "../../src/domain/sealed-statement.ts";
import { startStatementText } from "../../src/domain/start-statement.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { type Digest, sha256 } from "../../src/kernel/digest.ts";
import type { Evidence, KnownEnd } from "../../src/proofs/evidence.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import type { Verification } from "../../src/proofs/verification.ts";
import { verifyFolder } from "../../src/proofs/verify-folder.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import { snapshot, task } from "../support/definitions.ts";
import { endedRun, inline, statementFacts } from "../support/ended-run.ts";
import { createTestLog } from "../support/test-log.ts";
import { createTestSigner } from "../support/test-signer.ts";
import { tinyPackage } from "../support/tiny-package.ts";

const signer = createTestSigner();
const former = createTestSigner();
const keys = [trustedKey(signer.publicKey)];
const strict = snapshot([task("one")], { logStart: true });
const facts = statementFacts();

interface Started {
  run: Run;
  digest: Digest;
  file: string;
}

/** Starts and ends of runs as a daemon logs them, in the order in which they are asked for. */
function logged(key = signer) {
  const log = createTestLog([signer.publicKey, former.publicKey]);
  let runs = 0;
  const requestOf = (change: Partial<RunRequest>): RunRequest => ({
    id: `01890a5d-ac96-774b-bcce-b30209${String(runs++).padStart(6, "0")}`,
    snapshot: strict,
    params: "{}",
    trigger: { kind: "manual" },
    key: null,
    plannedAt: Date.UTC(2026, 2, 1),
    createdAt: Date.UTC(2026, 2, 1, 0, 0, 0, 7),
    ...change,
  });
  return {
    logs: [log.key],
    async start(change: Partial<RunRequest> = {}): Promise<Started> {
      const { run } = newRun(requestOf(change));
      const signed = await signStatement(startStatementText(run, facts), key);
      return { run, digest: signed.digest, file: await log.bundle(signed) };
    },
    async end(startDigest: Digest | null, { id, params, createdAt }: Run, place: Partial<typeof facts> = {}) {
      const run = endedRun(strict, { one: inline(1) }, requestOf({ id, params, createdAt }));
      const proof = await sealRun({ ...run, startDigest }, statementFacts(place), signer);
      return { digest: proof.digest, statement: proof.statement, file: await log.bundle(proof) };
    },
  };
}

function told({ result, findings }: Verification, check: string): string[] {
  return [
    result,
    ...findings.filter((each) => each.check === check).map(({ status, message }) => `${status}: ${message}`),
  ];
}

describe("verifying the start of a run", () => {
  it("says what it is of, and is valid alone", async () => {
    const { logs, start } = logged();
    const { file, run } = await start();
    const verification = await verifyProof({ bundle: file, keys, logs });
    expect(verification).toMatchObject({ result: "valid", keyId: signer.keyId, statement: null });
    expect(verification.start?.predicate.runDetails.metadata.invocationId).toBe(run.id);
    const checks = ["bundle", "key", "signature", "statement", "subjects", "leaf", "path", "checkpoint"];
    expect(verification.findings.map(({ check }) => check)).toEqual(checks);
    expect(told(verification, "statement")[1]).toMatch(
      /the start of a run of pack\/flow, created 2026-03-01T00:00:00\.007Z$/,
    );
  });

  it("is refused when its subject is not the digest of its predicate, or a field is missing", async () => {
    const log = createTestLog([signer.publicKey]);
    const { run } = await logged().start();
    const statement = JSON.parse(startStatementText(run, facts));
    const verify = async (value: unknown) =>
      verifyProof({
        bundle: await log.bundle(await signStatement(canonicalJson(value), signer)),
        keys,
        logs: [log.key],
      });
    const other = { name: `run/${run.id}`, digest: { sha256: sha256("other") } };
    expect(told(await verify({ ...statement, subject: [other] }), "subjects")[0]).toBe("refused");
    expect(told(await verify({ ...statement, subject: [...statement.subject, other] }), "subjects")[0]).toBe("refused");
    const { buildDefinition: _, ...predicate } = statement.predicate;
    expect(await verify({ ...statement, predicate })).toMatchObject({ result: "refused", start: null });
  });

  it.each<[KnownEnd | "named" | "other", string, RegExp]>([
    ["named", "valid", /^passed: .* names this start$/],
    ["other", "refused", /^failed: .* names no start$/],
    [{ kind: "unfinished" }, "valid", /^passed: its run has not ended yet$/],
    [{ kind: "pruned" }, "incomplete", /^unknown: .* is pruned$/],
    [{ kind: "unknown" }, "incomplete", /^unknown: neither run .* nor a proof of it is here: it was deleted/],
  ])("is held against what is known of the end: %j", async (known, result, message) => {
    const { logs, start, end } = logged();
    const { file, run, digest } = await start();
    const { statement } = await end(known === "other" ? null : digest, run);
    const evidence: Evidence = {
      end: async () => (typeof known === "string" ? { kind: "proven", statement } : known),
    };
    const verification = await verifyProof({ bundle: file, keys, logs, evidence });
    expect(told(verification, "end")).toEqual([result, expect.stringMatching(message)]);
  });
});

describe("verifying the end of a run whose start is logged", () => {
  it("holds it against the start, which it finds by the run and its creation", async () => {
    const { logs, start, end } = logged();
    const { file, run, digest } = await start();
    const { file: bundle } = await end(digest, run);
    const asked: string[] = [];
    const evidence: Evidence = {
      async start(name) {
        asked.push(name);
        return file;
      },
    };
    const verification = await verifyProof({ bundle, keys, logs, evidence });
    expect(told(verification, "start")).toEqual(["valid", `passed: it was started by statement ${digest}, leaf 3`]);
    expect(asked).toEqual([`2026/03/01/${run.id}.start.sigstore.json`]);
    expect((await verifyProof({ bundle, keys, logs })).result).toBe("valid");
  });

  it("is incomplete without the start, and when the start is of a key that nobody gave", async () => {
    const { logs, start, end } = logged(former);
    const { file, run, digest } = await start();
    const { file: bundle } = await end(digest, run);
    const verify = (text: string | undefined, trusted = keys) =>
      verifyProof({ bundle, keys: trusted, logs, evidence: { start: async () => text } });
    expect(told(await verify(undefined), "start")).toEqual([
      "incomplete",
      `unknown: the statement ${digest} that it was started is not here`,
    ]);
    expect(told(await verify(file), "start")).toEqual(["incomplete", expect.stringMatching(/which is not trusted$/)]);
    const both = [...keys, trustedKey(former.publicKey)];
    expect(told(await verify(file, both), "start")[0]).toBe("valid");
  });

  it("is refused with a start that is another one, forged, of another run, or logged after the end", async () => {
    const { logs, start, end } = logged();
    const [one, other] = [await start(), await start()];
    const verify = async (startDigest: Digest, run: Run, text: string) => {
      const { file: bundle } = await end(startDigest, run);
      return told(await verifyProof({ bundle, keys, logs, evidence: { start: async () => text } }), "start");
    };
    const refusal = (message: RegExp) => ["refused", expect.stringMatching(message)];
    expect(await verify(one.digest, one.run, other.file)).toEqual(refusal(/^failed: .* is [0-9a-f]{64}, not /));
    const spoilt = one.file.replace(/"sig":"...../, '"sig":"AAAAA');
    expect(await verify(one.digest, one.run, spoilt)).toEqual(refusal(/is refused: signature: /));
    expect(await verify(one.digest, one.run, "{}\n")).toEqual(refusal(/the file of its start is refused/));
    expect(await verify(other.digest, one.run, other.file)).toEqual(refusal(/do not say the same about the run/));
    const moved = { ...one.run, createdAt: one.run.createdAt + 1 };
    expect(await verify(one.digest, moved, one.file)).toEqual(refusal(/do not say the same about the run/));
    const { file: bundle } = await end(one.digest, one.run);
    const late = await start({ id: one.run.id });
    expect(late.digest).toBe(one.digest);
    expect(
      told(await verifyProof({ bundle, keys, logs, evidence: { start: async () => late.file } }), "start"),
    ).toEqual(refusal(/^failed: the start is leaf \d+, which is not before leaf \d+ of the end$/));
  });

  it("is refused when it names no start and its package says that its workflow logs them", async () => {
    const { manifest } = tinyPackage().content;
    const strictOne = {
      ...manifest,
      workflows: manifest.workflows.map((each) => ({ ...each, logStart: true as const })),
    };
    const verify = async (of: Manifest) => {
      const bytes = Buffer.from(canonicalJson(of));
      const [flow] = of.workflows;
      const packed = { name: of.name, version: of.version, digest: sha256(bytes) };
      const run = endedRun({ ...strict, package: packed, code: {} }, {});
      const renamed = { ...run, workflow: `${of.name}/${flow!.name}` };
      const log = createTestLog([signer.publicKey]);
      const bundle = await log.bundle(await sealRun(renamed, statementFacts(), signer));
      const evidence: Evidence = { manifest: async () => bytes };
      return told(await verifyProof({ bundle, keys, logs: [log.key], evidence }), "start");
    };
    expect(await verify(manifest)).toEqual(["valid"]);
    expect(await verify(strictOne)).toEqual(["refused", expect.stringMatching(/logs its starts, and it names none$/)]);
  });
});

describe("verifying a folder with starts", () => {
  const { logs, start, end } = logged();
  async function verify(files: Readonly<Record<string, string>>) {
    async function* each() {
      for (const [name, text] of Object.entries(files)) yield { name, text };
    }
    const { result, findings } = await verifyFolder(each(), (bundle) => verifyProof({ bundle, keys, logs }));
    return { result, findings: findings.map(({ check, status, message }) => `${check} ${status}: ${message}`) };
  }

  it("is valid when each start has the end that names it, in whatever order the files come", async () => {
    const { file, run, digest } = await start();
    const ended = await end(digest, run);
    expect(await verify({ start: file, end: ended.file })).toEqual({ result: "valid", findings: [] });
    expect(await verify({ end: ended.file, start: file })).toEqual({ result: "valid", findings: [] });
  });

  it("names a run that was started and has no end", async () => {
    const { file, run } = await start();
    expect(await verify({ start: file })).toEqual({
      result: "incomplete",
      findings: [
        `start unknown: run ${run.id} of pack/flow, started 2026-03-01T00:00:00.007Z by start, has no end here`,
      ],
    });
  });

  it("names an end whose start is not there", async () => {
    const { run, digest } = await start();
    const { file } = await end(digest, run);
    expect(await verify({ end: file })).toEqual({
      result: "incomplete",
      findings: [`start unknown: the start of run ${run.id} of pack/flow, which end names, is not here`],
    });
  });

  it("refuses an end that names another start or none, and two starts of one run", async () => {
    const one = await start();
    const other = await start();
    expect(await verify({ start: one.file, end: (await end(other.digest, one.run)).file })).toEqual({
      result: "refused",
      findings: ["start failed: end names another start than start"],
    });
    expect(await verify({ start: one.file, end: (await end(null, one.run)).file })).toEqual({
      result: "refused",
      findings: ["start failed: end names no start, and start is the start of its run"],
    });
    const twin = await start({ id: one.run.id, params: '"other"' });
    const ended = await end(one.digest, one.run);
    expect(await verify({ start: one.file, twin: twin.file, end: ended.file })).toEqual({
      result: "refused",
      findings: [`start failed: twin and start are both the start of run ${one.run.id}`],
    });
  });

  it("refuses a pair that does not say the same, or whose start was logged after its end", async () => {
    const one = await start();
    const changed = await end(one.digest, { ...one.run, params: '"other"' });
    expect(await verify({ start: one.file, end: changed.file })).toMatchObject({
      result: "refused",
      findings: ["start failed: start and end: start and end do not say the same about the run"],
    });
    const ended = await end(one.digest, one.run);
    const late = await start({ id: one.run.id });
    expect((await verify({ start: late.file, end: ended.file })).findings).toEqual([
      expect.stringMatching(/^start failed: start and end: the start is leaf \d+, which is not before leaf \d+/),
    ]);
  });
});
