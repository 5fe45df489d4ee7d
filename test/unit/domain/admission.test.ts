import { describe, expect, it } from "vitest";
import { type AdmissionCase, admit } from "../../../src/domain/admission.ts";
import { fitsNames, type FolderRule, ruleFor, weakness } from "../../../src/domain/trust-policy.ts";
import { sha256 } from "../../../src/kernel/digest.ts";
import { testKey, trustPolicy } from "../../support/package-keys.ts";

const asItIs = (path: string) => path;
const NOW = Date.UTC(2026, 10, 26);
const ann = testKey("ann");
const bob = testKey("bob", "Ed25519");
const eve = testKey("eve");
const identity = { name: "etl", version: "1.2.0", digest: sha256("etl 1.2.0") };
const good = ({ keyId }: { keyId: string }) => ({ keyId, verdict: "good" as const, problem: "" });
const bad = ({ keyId }: { keyId: string }) => ({ keyId, verdict: "bad" as const, problem: "it was altered" });
const unknown = ({ keyId }: { keyId: string }) => ({ keyId, verdict: "unknown" as const, problem: "" });

function verdict(
  signatures: AdmissionCase["signatures"],
  rule: Partial<FolderRule> = {},
  change: Partial<AdmissionCase> & { revoked?: Parameters<typeof trustPolicy>[2]; keys?: (typeof ann)[] } = {},
): string {
  const { revoked, keys = [ann, bob], ...rest } = change;
  const policy = trustPolicy(keys, { path: "/w", ...rule }, revoked);
  const result = admit({
    policy,
    folder: "/w",
    package: identity,
    signatures,
    highestAdmitted: null,
    now: NOW,
    countedSince: {},
    realPath: asItIs,
    ...rest,
  });
  if (!result.admitted) return result.code;
  const names = result.signers.map((keyId) => keys.find((key) => key.keyId === keyId)!.name).sort();
  return `admitted by ${names.join(" and ") || "nobody"}${result.warnings.length > 0 ? ", with a warning" : ""}`;
}

describe("a folder that takes signed packages", () => {
  it.each<[string, Parameters<typeof verdict>, string]>([
    ["one trusted signature", [[good(ann)]], "admitted by ann"],
    ["two, where one is enough", [[good(ann), good(bob)]], "admitted by ann and bob"],
    ["none", [[]], "PACKAGE_UNSIGNED"],
    ["one of a stranger", [[unknown(eve)]], "PACKAGE_KEY_UNTRUSTED"],
    ["one of a key for other folders", [[good(bob)], { keys: [ann.keyId] }], "PACKAGE_KEY_UNTRUSTED"],
    ["one that is not valid", [[bad(ann)]], "PACKAGE_SIGNATURE_INVALID"],
    ["one that is not valid beside a good one", [[good(ann), bad(bob)]], "PACKAGE_SIGNATURE_INVALID"],
    ["one of two that are needed", [[good(ann)], { threshold: 2 }], "PACKAGE_THRESHOLD"],
    ["one of two, and one of a stranger", [[good(ann), unknown(eve)], { threshold: 2 }], "PACKAGE_THRESHOLD"],
    ["both of two", [[good(ann), good(bob)], { threshold: 2 }], "admitted by ann and bob"],
  ])("with %s", (_, args, expected) => expect(verdict(...args)).toBe(expected));

  it.each<[string, Partial<typeof ann>, string]>([
    ["that has run out", { notAfter: NOW - 1 }, "PACKAGE_KEY_EXPIRED"],
    ["whose last moment it is", { notAfter: NOW }, "admitted by ann"],
    ["whose first moment it is", { notBefore: NOW }, "admitted by ann"],
    ["that is not valid yet", { notBefore: NOW + 1 }, "PACKAGE_KEY_EXPIRED"],
  ])("a key %s", (_, term, expected) => {
    expect(verdict([good(ann)], {}, { keys: [{ ...ann, ...term }] })).toBe(expected);
  });

  it.each<[string, Parameters<typeof verdict>, string]>([
    ["package", [[good(ann)], {}, { revoked: { packages: [identity.digest] } }], "PACKAGE_REVOKED"],
    [
      "package in an open folder",
      [[], { unsigned: "allow" }, { revoked: { packages: [identity.digest] } }],
      "PACKAGE_REVOKED",
    ],
    ["key", [[good(ann)], {}, { revoked: { keys: [ann.keyId] } }], "PACKAGE_KEY_REVOKED"],
    [
      "key that would be one of two",
      [[good(ann), good(bob)], { threshold: 2 }, { revoked: { keys: [ann.keyId] } }],
      "PACKAGE_KEY_REVOKED",
    ],
    ["key beside a good one", [[good(ann), good(bob)], {}, { revoked: { keys: [ann.keyId] } }], "admitted by bob"],
    [
      "key that is not of the policy",
      [[unknown(eve)], { unsigned: "allow" }, { revoked: { keys: [eve.keyId] } }],
      "PACKAGE_KEY_REVOKED",
    ],
  ])("a revoked %s", (_, args, expected) => expect(verdict(...args)).toBe(expected));

  it.each<[string, string | null, FolderRule["rollback"], string]>([
    ["lower", "1.2.1", "refuse", "PACKAGE_ROLLBACK"],
    ["lower where that is allowed", "1.2.1", "allow", "admitted by ann"],
    ["equal", "1.2.0", "refuse", "admitted by ann"],
    ["higher than a prerelease", "1.2.0-rc.1", "refuse", "admitted by ann"],
    ["the first", null, "refuse", "admitted by ann"],
  ])("a version that is %s", (_, highestAdmitted, rollback, expected) => {
    expect(verdict([good(ann)], { rollback }, { highestAdmitted })).toBe(expected);
  });

  it("takes only packages of the names it has", () => {
    expect(verdict([good(ann)], { names: ["report-*"] })).toBe("PACKAGE_NAME_REFUSED");
    expect(verdict([good(ann)], { names: ["report-*", "e?l"] })).toBe("admitted by ann");
    expect(fitsNames("a.b", ["a?b"])).toBe(true);
    expect(fitsNames("axb", ["a.b"])).toBe(false);
  });
});

describe("a folder that takes unsigned packages", () => {
  it.each<[FolderRule["unsigned"], Parameters<typeof verdict>[0], string]>([
    ["allow", [], "admitted by nobody"],
    ["allow", [good(ann)], "admitted by ann"],
    ["allow", [unknown(eve)], "admitted by nobody"],
    ["allow", [bad(ann)], "PACKAGE_SIGNATURE_INVALID"],
    ["warn", [], "admitted by nobody, with a warning"],
    ["warn", [unknown(eve)], "admitted by nobody, with a warning"],
    ["warn", [good(ann)], "admitted by ann"],
  ])("by unsigned = %s", (unsigned, signatures, expected) => {
    expect(verdict(signatures, { unsigned })).toBe(expected);
  });
});

describe("the rule of a folder", () => {
  const policy = trustPolicy([ann], { path: "/srv", unsigned: "warn" });
  const inner = { ...policy.folders[0]!, path: "/srv/prod" };

  it("is that of the longest path that holds it", () => {
    const both = { ...policy, folders: [policy.folders[0]!, inner] };
    expect(ruleFor(both, "/srv/prod/in", asItIs).path).toBe("/srv/prod");
    expect(ruleFor(both, "/srv/production", asItIs).path).toBe("/srv");
  });

  it("is closed without one as soon as there is a key, and open before", () => {
    expect(ruleFor(policy, "/other", asItIs)).toMatchObject({ unsigned: "refuse", keys: [ann.keyId], threshold: 1 });
    expect(ruleFor({ keys: new Map(), folders: [] }, "/other", asItIs)).toMatchObject({
      unsigned: "allow",
      rollback: "allow",
    });
  });

  it.each<[string, Partial<FolderRule>, RegExp | undefined]>([
    ["is as strict", {}, undefined],
    ["asks for more", { unsigned: "refuse", threshold: 2 }, undefined],
    ["takes unsigned packages", { unsigned: "allow" }, /unsigned = "allow" is weaker/],
    ["takes lower versions", { rollback: "allow" }, /rollback/],
    ["trusts another key", { keys: [bob.keyId] }, /trusts a key/],
  ])("may not be weaker than that around it: one that %s", (_, change, expected) => {
    const problem = weakness({ ...inner, ...change }, policy.folders[0]!);
    if (expected) expect(problem).toMatch(expected);
    else expect(problem).toBeUndefined();
  });

  it("may be weaker than one that takes everything, or one beside it", () => {
    const lax = { ...inner, unsigned: "allow" as const };
    expect(weakness(lax, { ...policy.folders[0]!, unsigned: "allow" })).toBeUndefined();
    expect(weakness(lax, { ...policy.folders[0]!, path: "/srv/pro" })).toBeUndefined();
  });
});
