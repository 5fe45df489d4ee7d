import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { noteKey } from "../../src/proofs/note-key.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { createTestSigner } from "../support/test-signer.ts";

it("puts a changed key into the log's order once, before anything else is signed with it", async () => {
  const store = openStore({ file: join(tempFolder(), "cascade.db"), now: 1, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  const [former, next] = [createTestSigner(), createTestSigner()];
  await noteKey(store, former, 5);
  expect(await store.lastStatementId()).toBe(0);
  const statement = { statement: "{}", signature: "c2ln", keyId: former.keyId, file: "attestations/a" };
  await store.commit([{ type: "add_statement", statement }]);
  await noteKey(store, former, 5);
  expect(await store.lastStatementId()).toBe(1);
  await noteKey(store, next, 5);
  await noteKey(store, next, 6);
  const [, noted, ...more] = await store.statementsAfter(0, 10);
  expect(more).toEqual([]);
  expect(noted!.keyId).toBe(next.keyId);
  expect(JSON.parse(noted!.statement)).toMatchObject({
    subject: [{ digest: { sha256: next.keyId } }],
    predicate: { changedOn: "1970-01-01T00:00:00.005Z", previous: former.keyId },
  });
});
