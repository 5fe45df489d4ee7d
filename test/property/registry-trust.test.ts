import fc from "fast-check";
import { expect, it } from "vitest";
import type { RegistryChange } from "../../src/domain/registry.ts";
import type { TrustPolicy } from "../../src/domain/trust-policy.ts";
import { createMemoryRoom } from "../support/memory-reconciler.ts";
import { signatureBy, type TestKey, testKey, trustPolicy } from "../support/package-keys.ts";
import { tinyPackage, type TinyPackage } from "../support/tiny-package.ts";

const keys = [testKey("ann"), testKey("bob")];
const versions = ["1.0.0", "2.0.0", "3.0.0"].map((version) =>
  tinyPackage({ version, body: `export default "${version}";\n` }),
);

/** Each version unsigned, signed by each of the two, and by both. */
const variants = (
  await Promise.all(
    versions.flatMap((tiny) =>
      [[], [0], [1], [0, 1]].map((signers) =>
        variant(
          tiny,
          signers.map((index) => keys[index]!),
        ),
      ),
    ),
  )
).flat();

async function variant(tiny: TinyPackage, signers: readonly TestKey[]): Promise<TinyPackage> {
  const signatures = await Promise.all(signers.map((key) => signatureBy(key, tiny.content)));
  signatures.sort((a, b) => (a.keyId < b.keyId ? -1 : 1));
  const bytes = Buffer.from(`${tiny.identity.digest} ${signers.map(({ name }) => name).join()}`);
  return { ...tiny, bytes, content: { ...tiny.content, signatures } };
}

const policies = fc.record({
  keys: fc.subarray(keys),
  threshold: fc.integer({ min: 1, max: 2 }),
  unsigned: fc.constantFrom("refuse" as const, "warn" as const),
  rollback: fc.constantFrom("refuse" as const, "allow" as const),
  revokedKeys: fc.subarray(keys.map(({ keyId }) => keyId)),
  revokedPackages: fc.subarray(versions.map(({ identity }) => identity.digest)),
});
const name = fc.constantFrom("a.cascade", "b.cascade");
const steps = fc.array(
  fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({ do: fc.constant("drop" as const), name, variant: fc.nat(variants.length - 1) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("junk" as const), name }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("remove" as const), name }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("policy" as const), policy: policies }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant("restart" as const) }) },
  ),
  { maxLength: 12 },
);

it("serves only what the policy in force admits, whatever is dropped and however the policy changes", async () => {
  await fc.assert(
    fc.asyncProperty(policies, steps, async (first, todo) => {
      let given = first;
      const policy = (): TrustPolicy => {
        const { threshold, unsigned, rollback, revokedKeys, revokedPackages } = given;
        const rule = { path: "/w", threshold, unsigned, rollback };
        return trustPolicy(given.keys, rule, { keys: revokedKeys, packages: revokedPackages });
      };
      const room = createMemoryRoom(variants, ["/w"], policy);
      let reconciler = room.boot();
      await reconciler.start();
      for (const step of todo) {
        if (step.do === "drop") room.watched.write("/w", step.name, variants[step.variant]!.bytes);
        if (step.do === "junk") room.watched.write("/w", step.name, Buffer.from("junk"));
        if (step.do === "remove") room.watched.remove("/w", step.name);
        if (step.do === "restart") {
          await reconciler.stop();
          reconciler = room.boot();
          await reconciler.start();
        }
        if (step.do === "policy") {
          given = step.policy;
          await reconciler.policyChanged();
        }
        await room.clock.advance(1_000);
        await reconciler.reconcileOnce();
        check(room, policy(), given);
      }
      const changes = room.registry.changes.length;
      await reconciler.reconcileOnce();
      expect(room.registry.changes).toHaveLength(changes);
      await reconciler.stop();
    }),
    { numRuns: 300 },
  );
});

function check(
  room: ReturnType<typeof createMemoryRoom>,
  policy: TrustPolicy,
  given: typeof policies extends fc.Arbitrary<infer T> ? T : never,
): void {
  const stored = [...room.registry.packages.values()];
  const loaded = stored.filter(({ state }) => state === "loaded");
  const statements = room.registry.changes.flatMap(
    (change) => (change as { change: RegistryChange }).change.statements,
  );
  for (const { identity, signers, admission, policy: by } of loaded) {
    expect(by).toBe(policy.digest);
    expect(given.revokedPackages).not.toContain(identity.digest);
    for (const keyId of signers) {
      expect(policy.keys.has(keyId)).toBe(true);
      expect(given.revokedKeys).not.toContain(keyId);
    }
    if (given.unsigned === "refuse") expect(signers.length).toBeGreaterThanOrEqual(given.threshold);
    const statement = statements.find(({ digest }) => digest === admission)!;
    expect(JSON.parse(statement.statement)).toMatchObject({
      subject: [{ digest: { sha256: identity.digest } }],
      predicate: { policy: { digest: { sha256: policy.digest } } },
    });
    expect(JSON.parse(statement.statement).predicate.inputAttestations).toHaveLength(signers.length);
  }
  if (given.rollback === "refuse") expect(loaded.length).toBeLessThanOrEqual(1);
  const present = [...room.registry.workflows.values()].filter((workflow) => workflow.present);
  for (const { content } of present)
    expect(loaded.map(({ identity }) => identity.digest)).toContain(content.package.digest);
}
