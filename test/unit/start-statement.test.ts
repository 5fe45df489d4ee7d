import { describe, expect, it } from "vitest";
import { newRun, type RunRequest, withStart } from "../../src/domain/new-run.ts";
import { proofFileName, startFileName } from "../../src/domain/proof.ts";
import { signStatement } from "../../src/domain/sealed-statement.ts";
import { startStatementText } from "../../src/domain/start-statement.ts";
import { statementOf } from "../../src/domain/statement.ts";
import { readStartStatement, readStatement } from "../../src/domain/statement-check.ts";
import { canonicalBytes } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { snapshot, task } from "../support/definitions.ts";
import { endedRun, inline, statementFacts } from "../support/ended-run.ts";
import type { Parsed } from "../support/parsed.ts";
import { createTestSigner } from "../support/test-signer.ts";

const strict = snapshot([task("one")], { logStart: true });
const facts = statementFacts();
const request: RunRequest = {
  id: "01890a5d-ac96-774b-bcce-b302099a8057",
  snapshot: strict,
  params: '{"date": "2026-03-01"}',
  trigger: { kind: "schedule", schedule: "pack/flow/nightly", late: false },
  key: null,
  plannedAt: Date.UTC(2026, 2, 1, 2),
  createdAt: Date.UTC(2026, 2, 1, 2, 0, 0, 7),
};
const made = (change: Partial<RunRequest> = {}) =>
  JSON.parse(startStatementText(newRun({ ...request, ...change }).run, facts));

describe("the statement that a run was started", () => {
  it("says what will be executed, why, and by whom", () => {
    expect(made()).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: `run/${request.id}`, digest: { sha256: sha256(canonicalBytes(made().predicate)) } }],
      predicateType: "urn:cascade:attestation:run-start:v1",
      predicate: {
        buildDefinition: {
          buildType: "urn:cascade:workflow-run:v1",
          externalParameters: {
            workflow: "pack/flow",
            paramsDigest: sha256(request.params),
            trigger: { kind: "schedule", schedule: "pack/flow/nightly", late: false },
            plannedAt: "2026-03-01T02:00:00.000Z",
          },
          internalParameters: { createdAt: "2026-03-01T02:00:00.007Z" },
          resolvedDependencies: [
            {
              name: "package",
              digest: { sha256: strict.package.digest },
              annotations: { name: "pack", version: "1.0.0" },
            },
            { name: "snapshot", digest: { sha256: strict.digest } },
          ],
        },
        runDetails: {
          builder: { id: facts.builderId, version: facts.versions },
          metadata: { invocationId: request.id },
        },
      },
    });
  });

  it("says of the run what the statement about its end will say", () => {
    const ended = endedRun(strict, { one: inline(1) }, request);
    const { predicate } = statementOf(ended, statementFacts({ builderId: "urn:another" }));
    expect(made().predicate.buildDefinition).toEqual(predicate.buildDefinition);
  });

  it("holds nothing of params and keys in clear", () => {
    const secret = "correct horse battery staple";
    const text = JSON.stringify(made({ params: JSON.stringify({ secret }), key: secret }));
    expect(text).not.toContain("horse");
  });

  it("is not taken for a statement about an end, nor the reverse", () => {
    const end = statementOf(endedRun(strict, {}), facts);
    expect(readStatement(made())).toHaveProperty("problems");
    expect(readStartStatement(end)).toHaveProperty("problems");
    expect(readStartStatement(made())).toEqual({ statement: made() });
  });

  it.each<[string, (statement: Parsed) => void]>([
    ["predicateType", (s) => (s.predicateType = "urn:cascade:attestation:run:v1")],
    ["subject[0].digest.sha256", (s) => (s.subject[0].digest.sha256 = "AB")],
    ["predicate.buildDefinition.buildType", (s) => (s.predicate.buildDefinition.buildType = "x")],
    [
      "predicate.buildDefinition.internalParameters.createdAt",
      (s) => (s.predicate.buildDefinition.internalParameters.createdAt = "yesterday"),
    ],
    ["predicate.runDetails.builder.id", (s) => delete s.predicate.runDetails.builder.id],
    ["predicate.runDetails.metadata.invocationId", (s) => (s.predicate.runDetails.metadata.invocationId = 1)],
  ])("is read with the place of what is wrong: %s", (place, spoil) => {
    const statement = made();
    spoil(statement);
    const reading = readStartStatement(statement);
    expect("problems" in reading && reading.problems.some((text) => text.startsWith(`${place}:`)), place).toBe(true);
  });
});

describe("a run whose start is logged", () => {
  it("bears the digest of the signed statement, and its end names it", async () => {
    const created = newRun(request);
    const signed = await signStatement(startStatementText(created.run, facts), createTestSigner());
    const started = withStart(created, signed);
    expect(started).toEqual({ ...created, run: { ...created.run, startDigest: signed.digest }, start: signed });
    const ended = { ...endedRun(strict, { one: inline(1) }, request), startDigest: started.run.startDigest };
    const statement = statementOf(ended, facts);
    expect(statement.predicate.start).toBe(sha256(signed.statement));
    expect(readStatement(statement)).toEqual({ statement });
    expect(readStatement({ ...statement, predicate: { ...statement.predicate, start: "of no digest" } })).toEqual({
      problems: [expect.stringMatching(/^predicate\.start:/)],
    });
  });

  it("has a file of its own for it, by the day of its creation, beside no proof's", () => {
    const createdAt = Date.UTC(2026, 1, 28, 23, 59, 59, 999);
    expect(startFileName({ id: request.id, createdAt })).toBe(`2026/02/28/${request.id}.start.sigstore.json`);
    expect(proofFileName({ runId: request.id, endedAt: createdAt + 1 })).toBe(`2026/03/01/${request.id}.sigstore.json`);
  });
});

it("is not spoken of in the statements of all other runs", () => {
  expect(statementOf(endedRun(strict, {}), facts).predicate).not.toHaveProperty("start");
});
