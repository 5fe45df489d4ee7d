import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { admit } from "../../../src/domain/admission.ts";
import { policyFileChanges, signatureChanges, type TrustCase } from "../../../src/domain/drift-trust.ts";
import { unsignedKinds } from "../../../src/domain/trust-policy.ts";
import { sha256 } from "../../../src/kernel/digest.ts";
import { testKey, trustPolicy } from "../../support/package-keys.ts";

const [ann, bob] = [testKey("ann"), testKey("bob")];
const identity = { name: "etl", version: "2.0.0", digest: sha256("etl") };
const policy = trustPolicy([ann, bob], { path: "/w" });

/** A package that ann's signature admitted under that policy from `/w`. */
const given = (change: Partial<TrustCase> = {}): TrustCase => ({
  record: { identity, policy: policy.digest, signers: [ann.keyId] },
  folders: ["/w"],
  policy,
  place: "/etc/cascade/trust.toml",
  now: 1_000,
  realPath: (path) => path,
  ...change,
});
const signature = (change: Partial<TrustCase>) =>
  [...signatureChanges(given(change))].map(
    ({ subject, message, isUnknown }) => `${isUnknown ? "? " : ""}${subject}: ${message}`,
  );
const short = (digest: string) => digest.slice(0, 12);
const gone = (reason: string) => `etl@2.0.0: what admitted it does not count any more: ${reason}`;
const named = `key "ann" (${short(ann.keyId)})`;

describe("the signatures of a loaded package", () => {
  it.each<[string, Partial<TrustCase>, string[]]>([
    ["count still", {}, []],
    [
      "are of a revoked key",
      { policy: trustPolicy([ann, bob], { path: "/w" }, { keys: [ann.keyId] }) },
      [gone(`${named} is revoked`)],
    ],
    [
      "are of a key that is revoked and not in the policy any more",
      { policy: trustPolicy([bob], { path: "/w" }, { keys: [ann.keyId] }) },
      [gone(`key ${ann.keyId} is revoked`)],
    ],
    [
      "are of a key that ran out",
      { policy: trustPolicy([{ ...ann, notAfter: 999 }], { path: "/w" }) },
      [gone(`${named} is not valid after 1970-01-01T00:00:00.999Z`)],
    ],
    [
      "are of a key in its last millisecond",
      { policy: trustPolicy([{ ...ann, notAfter: 1_000 }], { path: "/w" }) },
      [],
    ],
    [
      "are of a key that is not in the policy",
      { policy: trustPolicy([bob], { path: "/w" }) },
      [gone(`key ${ann.keyId} is not trusted for /w`)],
    ],
    [
      "are of a key that the folder does not take",
      { policy: trustPolicy([ann, bob], { path: "/w", keys: [bob.keyId] }) },
      [gone(`${named} is not trusted for /w`)],
    ],
    [
      "are of a key that one of its folders takes",
      { folders: ["/w", "/elsewhere"], policy: trustPolicy([ann, bob], { path: "/w", keys: [bob.keyId] }) },
      [],
    ],
    [
      "do not matter for a revoked package",
      { policy: trustPolicy([ann], { path: "/w" }, { packages: [identity.digest] }) },
      ["etl@2.0.0: the trust policy has revoked it"],
    ],
    ["are not asked for without a policy", { policy: null }, []],
    ["cannot be told without a folder", { folders: [] }, ["? etl@2.0.0: no watched folder is known to hold it"]],
    [
      "are none of a package that was let in unsigned",
      { record: { identity, policy: policy.digest, signers: [] }, policy: trustPolicy([bob], { path: "/w" }) },
      [],
    ],
  ])("%s", (_, change, lines) => {
    expect(signature(change)).toEqual(lines);
  });

  it("count, whatever the policy is, at the moment of the admission", () => {
    const terms = fc.option(fc.integer({ min: 0, max: 10 }));
    const rules = fc.record({
      keys: fc.subarray([ann.keyId, bob.keyId]),
      threshold: fc.integer({ min: 1, max: 2 }),
      unsigned: fc.constantFrom(...unsignedKinds),
    });
    fc.assert(
      fc.property(terms, terms, rules, fc.nat(10), (one, other, rule, now) => {
        const trust = trustPolicy(
          [
            { ...ann, notAfter: one },
            { ...bob, notBefore: other },
          ],
          { path: "/w", ...rule },
        );
        const signatures = [ann, bob].map(({ keyId }) => ({ keyId, verdict: "good" as const, problem: "" }));
        const verdict = admit({
          policy: trust,
          folder: "/w",
          package: identity,
          signatures,
          highestAdmitted: null,
          now,
          countedSince: {},
          realPath: (path) => path,
        });
        if (!verdict.admitted) return;
        const record = { identity, policy: trust.digest, signers: verdict.signers };
        expect(signature({ record, policy: trust, now })).toEqual([]);
        expect([...policyFileChanges(given({ record, policy: trust }))]).toEqual([]);
      }),
    );
  });
});

describe("the trust policy of a loaded package", () => {
  const other = trustPolicy([ann, bob], { path: "/w", unsigned: "allow" });
  const without = { identity, policy: null, signers: [] };
  const was = "etl@2.0.0: it was admitted";
  it.each<[string, Partial<TrustCase>, string[]]>([
    ["is the same", {}, []],
    ["is none as before", { record: without, policy: null }, []],
    [
      "is another one",
      { policy: other },
      [
        `${was} under the trust policy ${short(policy.digest)}, and /etc/cascade/trust.toml is ${short(other.digest)} now`,
      ],
    ],
    [
      "is gone",
      { policy: null },
      [`${was} under the trust policy ${short(policy.digest)}, and there is no /etc/cascade/trust.toml now`],
    ],
    [
      "is new",
      { record: without },
      [`${was} without a trust policy, and /etc/cascade/trust.toml is ${short(policy.digest)} now`],
    ],
  ])("%s", (_, change, lines) => {
    const found = [...policyFileChanges(given(change))].map(({ subject, message }) => `${subject}: ${message}`);
    expect(found).toEqual(lines);
  });
});
