import { describe, expect, it } from "vitest";
import { createTestLog } from "../support/test-log.ts";
import type { Proof } from "../../src/domain/proof.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { verifyFolder } from "../../src/proofs/verify-folder.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import { snapshot, task } from "../support/definitions.ts";
import { endedRun, inline, statementFacts } from "../support/ended-run.ts";
import { createTestSigner } from "../support/test-signer.ts";

const signer = createTestSigner();
const keys = [trustedKey(signer.publicKey)];
const frozen = snapshot([task("only")]);
const hour = 3_600_000;

/** The sealed proof of a run that took place so much later than the first. */
function sealed(runNumber: number, previousProof: string | null, laterMs: number) {
  const run = endedRun(frozen, { only: inline({ n: runNumber }) }, { id: `run-${runNumber}` });
  const { endedAt, startedAt } = run.head;
  const head = { ...run.head, startedAt: startedAt! + laterMs, endedAt: endedAt! + laterMs };
  return sealRun({ ...run, head }, { ...statementFacts(), runNumber, previousProof }, signer);
}

/** Runs of a workflow one after the other, each so much later than the first, logged in the order that is given. */
async function chain(laterMs: readonly number[]) {
  const proofs: Proof[] = [];
  for (const [at, later] of laterMs.entries()) {
    const before = proofs.at(-1);
    proofs.push(await sealed(at + 1, before ? sha256(before.statement) : null, later));
  }
  return proofs;
}

async function verified(bundles: readonly string[], logs: Parameters<typeof verifyProof>[0]["logs"]) {
  async function* files() {
    for (const [at, text] of bundles.entries()) yield { name: `file ${at}`, text };
  }
  const { result, findings } = await verifyFolder(files(), (bundle) => verifyProof({ bundle, keys, logs }));
  return { result, checks: findings.map(({ check }) => check), messages: findings.map(({ message }) => message) };
}

describe("proofs held against each other", () => {
  it("are valid when runs follow one another, in whatever order the files are read", async () => {
    const log = createTestLog([signer.publicKey]);
    const bundles = [];
    for (const proof of await chain([0, 1, hour, hour + 5])) bundles.push(await log.bundle(proof));
    expect(await verified(bundles.toReversed(), [log.key])).toEqual({ result: "valid", checks: [], messages: [] });
  });

  it("show a run that was left out", async () => {
    const log = createTestLog([signer.publicKey]);
    const bundles = [];
    for (const proof of await chain([0, 1, 2])) bundles.push(await log.bundle(proof));
    expect(await verified([bundles[0]!, bundles[2]!], [log.key])).toMatchObject({
      result: "incomplete",
      checks: ["gap"],
    });
  });

  it("show a run that never ran, made by whoever has the proof key: its place in the chain is taken", async () => {
    const log = createTestLog([signer.publicKey]);
    const [first, second] = await chain([0, 1]);
    const forged = await sealed(2, sha256(first!.statement), 2);
    const bundles = [];
    for (const proof of [first!, second!, forged]) bundles.push(await log.bundle(proof));
    expect(await verified(bundles, [log.key])).toMatchObject({ result: "refused", checks: ["chain"] });
  });

  it("show a run that was dated back, or a clock that was set back, once for each step", async () => {
    const log = createTestLog([signer.publicKey]);
    const bundles = [];
    for (const proof of await chain([3 * hour, 3 * hour + 1, hour, hour + 1, 2 * hour])) {
      bundles.push(await log.bundle(proof));
    }
    const found = await verified(bundles, [log.key]);
    expect(found).toMatchObject({ result: "incomplete", checks: ["time"] });
    expect(found.messages[0]).toContain("file 2 says that its run finished at");
  });

  it("bear with clocks that are corrected a little", async () => {
    const log = createTestLog([signer.publicKey]);
    const bundles = [];
    for (const proof of await chain([4 * 60_000, 0, 4 * 60_000])) bundles.push(await log.bundle(proof));
    expect(await verified(bundles, [log.key])).toMatchObject({ result: "valid" });
  });

  it("show two histories of one log to whoever has a file of each", async () => {
    // Both keys in one hand: the same log begun anew, without the run that somebody wants gone.
    const [told, made] = [createTestLog([signer.publicKey]), createTestLog([signer.publicKey])];
    const proofs = await chain([0, 1]);
    const kept = await told.bundle(proofs[0]!);
    const other = await made.bundle(proofs[1]!);
    expect(await verified([kept, other], [told.key, made.key])).toMatchObject({ result: "valid" });
    const both = createTestLog([signer.publicKey], "log.test", told.signer);
    const forked = await both.bundle(proofs[1]!);
    expect(await verified([kept, forked], [told.key])).toMatchObject({ result: "refused", checks: ["leaf", "head"] });
  });

  it("are not valid when there are none", async () => {
    expect(await verified([], [])).toMatchObject({ result: "incomplete" });
  });
});
