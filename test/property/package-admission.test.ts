import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AdmissionCase, admit } from "../../src/domain/admission.ts";
import { rollbackKinds, unsignedKinds } from "../../src/domain/trust-policy.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { testKey, trustPolicy } from "../support/package-keys.ts";

const keys = ["ann", "bob", "cyd"].map((name) => testKey(name));
const stranger = testKey("eve");
const identity = { name: "etl", version: "2.0.0", digest: sha256("etl") };

const someKeys = fc.subarray([...keys, stranger]);
const cases = fc.record({
  signatures: someKeys.chain((of) =>
    fc.tuple(
      ...of.map(({ keyId }) =>
        fc
          .constantFrom("good", "good", "bad", "unknown")
          .map((verdict) => ({ keyId, verdict: verdict as "good", problem: "" })),
      ),
    ),
  ),
  trusted: fc.subarray(keys.map(({ keyId }) => keyId)),
  threshold: fc.integer({ min: 1, max: 3 }),
  unsigned: fc.constantFrom(...unsignedKinds),
  rollback: fc.constantFrom(...rollbackKinds),
  revoked: someKeys.map((of) => of.map(({ keyId }) => keyId)),
  isRevoked: fc.boolean(),
  terms: fc.array(fc.option(fc.integer({ min: 0, max: 10 })), { minLength: 3, maxLength: 3 }),
  highestAdmitted: fc.constantFrom(null, "1.0.0", "2.0.0", "3.0.0"),
  now: fc.integer({ min: 0, max: 10 }),
});
type Given = typeof cases extends fc.Arbitrary<infer T> ? T : never;

function caseOf(given: Given): AdmissionCase {
  const { trusted, threshold, unsigned, rollback, revoked, isRevoked, terms, signatures, highestAdmitted, now } = given;
  const timed = keys.map((key, index) => ({ ...key, notAfter: terms[index] ?? null }));
  const rule = { path: "/w", keys: trusted, threshold, unsigned, rollback };
  const policy = trustPolicy(timed, rule, { keys: revoked, packages: isRevoked ? [identity.digest] : [] });
  return {
    policy,
    folder: "/w",
    package: identity,
    signatures,
    highestAdmitted,
    now,
    countedSince: {},
    realPath: (path) => path,
  };
}

describe("the admission of a package", () => {
  it("is signed only by enough trusted, valid, unrevoked keys whose signatures are good", () => {
    fc.assert(
      fc.property(cases, (given) => {
        const result = admit(caseOf(given));
        if (!result.admitted) return;
        expect(given.isRevoked).toBe(false);
        expect(given.signatures.every(({ verdict }) => verdict !== ("bad" as string))).toBe(true);
        if (given.unsigned === "refuse") expect(result.signers.length).toBeGreaterThanOrEqual(given.threshold);
        else expect(result.signers.length === 0 || result.signers.length >= given.threshold).toBe(true);
        for (const keyId of result.signers) {
          expect(given.signatures.find((signature) => signature.keyId === keyId)?.verdict).toBe("good");
          const index = keys.findIndex((key) => key.keyId === keyId);
          expect(given.trusted).toContain(keyId);
          expect(given.revoked).not.toContain(keyId);
          expect(given.terms[index] ?? Infinity).toBeGreaterThanOrEqual(given.now);
        }
        if (given.rollback === "refuse") expect(given.highestAdmitted).not.toBe("3.0.0");
      }),
    );
  });

  it("never becomes possible by a revocation, a missing key, a higher threshold or a stricter folder", () => {
    fc.assert(
      fc.property(cases, fc.constantFrom(...keys), (given, { keyId }) => {
        if (admit(caseOf(given)).admitted) return;
        const stricter: Given[] = [
          { ...given, revoked: [...given.revoked, keyId] },
          { ...given, isRevoked: true },
          { ...given, trusted: given.trusted.filter((key) => key !== keyId) },
          { ...given, threshold: given.threshold + 1 },
          { ...given, unsigned: "refuse" },
          { ...given, rollback: "refuse" },
        ];
        for (const change of stricter) expect(admit(caseOf(change)).admitted).toBe(false);
      }),
    );
  });
});
