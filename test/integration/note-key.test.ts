import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { noteKey } from "../../src/proofs/note-key.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { createTestSigner } from "../support/test-signer.ts";

function openRoom() {
  const store = openStore({ file: join(tempFolder(), "cascade.db"), now: 1, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  return {
    store,
    async add(text: string, keyId: string, signature: string | null) {
      const statement = { statement: text, signature, keyId, file: "attestations/a" };
      await store.commit([{ type: "add_statement", statement }]);
    },
    /** Each statement, or what a note says: who takes whose place. */
    async order() {
      return (await store.statementsAfter(0, 10)).map(({ statement, keyId }) => {
        const { subject, predicate } = JSON.parse(statement);
        return subject
          ? { note: subject[0].digest.sha256, of: predicate.previous, by: keyId }
          : { statement, by: keyId };
      });
    },
  };
}

it("puts a changed key into the log's order once, before anything else is signed with it", async () => {
  const { store, add, order } = openRoom();
  const [former, next] = [createTestSigner(), createTestSigner()];
  await noteKey(store, former, 5);
  expect(await store.lastStatementId()).toBe(0);
  await add("{}", former.keyId, "c2ln");
  await noteKey(store, former, 5);
  expect(await store.lastStatementId()).toBe(1);
  await noteKey(store, next, 5);
  await noteKey(store, next, 6);
  expect(await order()).toEqual([
    { statement: "{}", by: former.keyId },
    { note: next.keyId, of: former.keyId, by: next.keyId },
  ]);
  const [, noted] = await store.statementsAfter(0, 10);
  expect(JSON.parse(noted!.statement).predicate.changedOn).toBe("1970-01-01T00:00:00.005Z");
});

describe("a key that is changed while statements wait for it", () => {
  const later = (keyId: string) => ({ keyId, sign: null });

  it("leaves them to the next key, which says first that it is the next", async () => {
    const { store, add, order } = openRoom();
    await add('{"n":1}', "former", "c2ln");
    await add('{"n":2}', "former", null);
    for (const at of [5, 6]) await noteKey(store, later("next"), at);
    expect(await order()).toEqual([
      { statement: '{"n":1}', by: "former" },
      { note: "next", of: "former", by: "next" },
      { statement: '{"n":2}', by: "next" },
    ]);
    expect(await store.firstUnsignedId()).toBe(2);
  });

  it("goes to a key that signs at once, too", async () => {
    const { store, add, order } = openRoom();
    const local = createTestSigner();
    await add('{"n":1}', "former", "c2ln");
    await add('{"n":2}', "former", null);
    await noteKey(store, local, 5);
    expect((await order()).map(({ by }) => by)).toEqual(["former", local.keyId, local.keyId]);
    expect(await store.firstUnsignedId()).toBe(3);
  });

  it("says nothing of a key that never signed, and nothing when nobody signed before", async () => {
    const { store, add, order } = openRoom();
    await add('{"n":1}', "never", null);
    await noteKey(store, later("first"), 5);
    expect(await order()).toEqual([{ statement: '{"n":1}', by: "first" }]);
    await store.commit([{ type: "sign_statements", signatures: [{ id: 1, signature: "c2ln" }] }]);
    await add('{"n":2}', "first", null);
    await noteKey(store, later("other"), 5);
    await noteKey(store, later("first"), 6);
    expect((await order()).map(({ by }) => by)).toEqual(["first", "first", "first"]);
    await noteKey(store, later("last"), 7);
    expect((await order())[1]).toEqual({ note: "last", of: "first", by: "last" });
  });
});
