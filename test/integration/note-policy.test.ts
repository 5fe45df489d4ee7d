import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { openStore } from "../../src/adapters/sqlite/store.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { notePolicy } from "../../src/registry/note-policy.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { createTestSigner } from "../support/test-signer.ts";

const strict = { digest: "1".repeat(64), uri: "file:///etc/cascade/trust.toml" };
const weak = { digest: "2".repeat(64), uri: "file:///etc/cascade/trust.toml" };

it("puts each change of policy into the log's order once, with what it changed from", async () => {
  const store = openStore({ file: join(tempFolder(), "cascade.db"), now: 1, crashPoint: noCrashPoint });
  onTestFinished(() => store.close());
  const seal = createTestSigner();
  const writer = {
    submit: async (change: Parameters<typeof store.commit>[0][number]) => (await store.commit([change]))[0]!,
  };
  const note = (policy: typeof strict | null, at: number) =>
    notePolicy({ store, writer, seal, engine: "urn:test:engine" }, policy, at);
  await note(null, 1);
  expect(await store.lastStatementId()).toBe(0);
  await note(strict, 2);
  await note(strict, 3);
  await note(weak, 4);
  await note(strict, 5);
  await note(null, 6);
  await note(null, 7);
  const stored = await store.statementsAfter(0, 10);
  const read = stored.map(({ statement, file }) => {
    const value = JSON.parse(statement) as {
      subject: [{ digest: { sha256: string } }];
      predicate: Record<string, unknown>;
    };
    expect(statement).toBe(canonicalJson(value));
    expect(file).toMatch(/^attestations\//);
    const { previous, policy, changedOn, uri, engine } = value.predicate;
    expect(engine).toBe("urn:test:engine");
    return [previous, policy, value.subject[0].digest.sha256, changedOn, uri];
  });
  const [one, two, { uri }] = [strict.digest, weak.digest, strict];
  const at = (ms: number) => `1970-01-01T00:00:00.00${ms}Z`;
  expect(read).toEqual([
    [null, one, one, at(2), uri],
    [one, two, two, at(4), uri],
    [two, one, one, at(5), uri],
    [one, null, one, at(6), null],
  ]);
});

it("fails when the store refuses it, so that nothing is judged by a policy that is in no log", async () => {
  const refusal = { ok: false, refusal: "stale", message: "another one" } as const;
  const ports = {
    store: { policyInForce: async () => null },
    writer: { submit: async () => refusal },
    seal: createTestSigner(),
    engine: "urn:test:engine",
  };
  await expect(notePolicy(ports, strict, 1)).rejects.toMatchObject({ code: "STORE_FAILED" });
});
