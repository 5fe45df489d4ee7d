import { expect, it } from "vitest";
import { startView } from "../../../src/app/start-view.ts";
import { newRun } from "../../../src/domain/new-run.ts";
import { signStatement } from "../../../src/domain/sealed-statement.ts";
import { startStatementText } from "../../../src/domain/start-statement.ts";
import { statementOf, statementText } from "../../../src/domain/statement.ts";
import { snapshot, task } from "../../support/definitions.ts";
import { endedRun, statementFacts } from "../../support/ended-run.ts";
import { createTestLog } from "../../support/test-log.ts";
import { createTestSigner } from "../../support/test-signer.ts";

const strict = snapshot([task("one")], { logStart: true });

it("shows the start that an end names, with its leaf once that is there", async () => {
  const signer = createTestSigner();
  const run = endedRun(strict, {});
  const started = await signStatement(startStatementText(run, statementFacts()), signer);
  const end = statementText(statementOf({ ...run, startDigest: started.digest }, statementFacts()));
  const name = `2026/03/01/${run.id}.start.sigstore.json`;
  const files = new Map([[name, await createTestLog([signer.publicKey]).bundle(started)]]);
  const proofs = { read: async (file: string) => files.get(file) };
  const view = { digest: started.digest, file: `proofs/${name}`, index: 3 };
  expect(await startView(end, proofs)).toEqual(view);
  files.set(name, "damaged");
  expect(await startView(end, proofs)).toEqual({ ...view, index: null });
  files.clear();
  expect(await startView(end, proofs)).toEqual({ ...view, index: null });
});

it("shows nothing where the end names none", async () => {
  const { run } = newRun({
    id: "run-1",
    snapshot: strict,
    params: "{}",
    trigger: { kind: "manual" },
    key: null,
    plannedAt: 0,
    createdAt: 0,
  });
  const proofs = { read: () => Promise.reject(new Error("there is nothing to read")) };
  expect(await startView(statementText(statementOf(endedRun(strict, {}), statementFacts())), proofs)).toBeNull();
  expect(await startView(startStatementText(run, statementFacts()), proofs)).toBeNull();
});
