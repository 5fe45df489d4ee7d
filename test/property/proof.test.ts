import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseBundle } from "../../src/domain/bundle.ts";
import { newRun, type RunRequest } from "../../src/domain/new-run.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { signStatement } from "../../src/domain/sealed-statement.ts";
import { startStatementText } from "../../src/domain/start-statement.ts";
import { statementOf, statementText } from "../../src/domain/statement.ts";
import { readStartStatement, readStatement } from "../../src/domain/statement-check.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { isDigest, sha256 } from "../../src/kernel/digest.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import { statementFacts } from "../support/ended-run.ts";
import { createTestLog } from "../support/test-log.ts";
import { createTestSigner } from "../support/test-signer.ts";
import { play, snapshots, steps } from "./run-model.ts";

const signer = createTestSigner();
const keys = [trustedKey(signer.publicKey)];
const log = createTestLog([signer.publicKey]);
const logs = [log.key];
const facts = statementFacts();
const startDigests = fc.constantFrom(null, sha256("started"));

const requests: fc.Arbitrary<Omit<RunRequest, "snapshot">> = fc.record({
  id: fc.uuid(),
  params: fc.json(),
  trigger: fc.oneof(
    fc.constant({ kind: "manual" as const }),
    fc.record({ kind: fc.constant("schedule" as const), schedule: fc.stringMatching(/^[ -~]+$/), late: fc.boolean() }),
  ),
  key: fc.constant(null),
  plannedAt: fc.nat(4e12),
  createdAt: fc.nat(4e12),
});

describe("the start of any run", () => {
  it("is a statement that is canonical, stable, read back as it was made, and of one run", () => {
    fc.assert(
      fc.property(snapshots, requests, requests, (frozen, request, other) => {
        const textOf = (of: typeof request) => startStatementText(newRun({ ...of, snapshot: frozen }).run, facts);
        const text = textOf(request);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(readStartStatement(JSON.parse(text))).toEqual({ statement: JSON.parse(text) });
        expect(textOf(structuredClone(request))).toBe(text);
        expect(textOf(other) === text).toBe(canonicalJson(other) === canonicalJson(request));
      }),
    );
  });

  it("is valid under its key, and refused when any bits of its file are flipped", async () => {
    await fc.assert(
      fc.asyncProperty(
        snapshots,
        requests,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
        async (frozen, request, flips) => {
          const { run } = newRun({ ...request, snapshot: frozen });
          const bundle = await log.bundle(await signStatement(startStatementText(run, facts), signer));
          const verification = await verifyProof({ bundle, keys, logs });
          expect(verification).toMatchObject({ result: "valid", statement: null });
          expect(verification.start?.predicate.runDetails.metadata.invocationId).toBe(run.id);
          const bytes = Buffer.from(bundle, "utf8");
          for (const [position, mask] of flips) bytes[position % bytes.length]! ^= mask;
          const spoilt = bytes.toString("utf8");
          fc.pre(spoilt !== bundle);
          expect((await verifyProof({ bundle: spoilt, keys, logs })).result).toBe("refused");
        },
      ),
    );
  });
});

describe("the proof of any run", () => {
  it("is made of a statement that is canonical, stable and read back as it was made", () => {
    fc.assert(
      fc.property(snapshots, steps, startDigests, (frozen, plan, startDigest) => {
        const run = { ...play(frozen, plan).run, startDigest };
        const statement = statementOf(run, statementFacts());
        const text = statementText(statement);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(JSON.parse(text)).toEqual(statement);
        expect(readStatement(JSON.parse(text))).toEqual({ statement });
        const reordered = { ...run, tasks: new Map([...run.tasks].reverse()) };
        expect(statementText(statementOf(reordered, statementFacts()))).toBe(text);
      }),
    );
  });

  it("says exactly what became of the run's tasks and attempts", () => {
    fc.assert(
      fc.property(snapshots, steps, (frozen, plan) => {
        const { run } = play(frozen, plan);
        const { subject, predicate } = statementOf(run, statementFacts());
        expect(predicate.outcome.status).toBe(run.head.state);
        expect(new Map(predicate.tasks.map(({ id, status }) => [id, status]))).toEqual(
          new Map([...run.tasks.values()].map(({ name, state }) => [name, state])),
        );
        for (const { id, attempts } of predicate.tasks) {
          expect(attempts.map(({ status }) => status)).toEqual(
            run.tasks.get(id)!.attempts.map(({ outcome }) => outcome),
          );
        }
        expect(new Set(subject.map(({ name }) => name)).size).toBe(subject.length);
        expect(subject.length).toBeGreaterThan(0);
        for (const { digest } of subject) expect(isDigest(digest.sha256)).toBe(true);
      }),
    );
  });

  it("is valid under its key and under no other", async () => {
    const strangers = [trustedKey(createTestSigner().publicKey)];
    await fc.assert(
      fc.asyncProperty(snapshots, steps, async (frozen, plan) => {
        const proof = await sealRun(play(frozen, plan).run, statementFacts(), signer);
        const bundle = await log.bundle(proof);
        expect(parseBundle(bundle)).toMatchObject({
          statement: proof.statement,
          signature: proof.signature,
          keyId: proof.keyId,
        });
        expect(await verifyProof({ bundle, keys, logs })).toMatchObject({ result: "valid", keyId: signer.keyId });
        expect((await verifyProof({ bundle, keys: strangers, logs })).result).toBe("refused");
      }),
    );
  });

  it("is refused when any bits of its file are flipped", async () => {
    await fc.assert(
      fc.asyncProperty(
        snapshots,
        steps,
        fc.array(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 3 }),
        async (frozen, plan, flips) => {
          const bundle = await log.bundle(await sealRun(play(frozen, plan).run, statementFacts(), signer));
          const bytes = Buffer.from(bundle, "utf8");
          for (const [position, mask] of flips) bytes[position % bytes.length]! ^= mask;
          const spoilt = bytes.toString("utf8");
          fc.pre(spoilt !== bundle);
          expect((await verifyProof({ bundle: spoilt, keys, logs })).result).toBe("refused");
        },
      ),
    );
  });
});
