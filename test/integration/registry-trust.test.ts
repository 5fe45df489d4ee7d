import { existsSync, mkdirSync, readFileSync, renameSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { withSignatures } from "../../src/adapters/archive/sign-archive.ts";
import { isSignedBy } from "../../src/adapters/signing/public-key.ts";
import { createPackageSource } from "../../src/adapters/filesystem/package-source.ts";
import { statementPae } from "../../src/domain/dsse.ts";
import type { NewStatement } from "../../src/domain/sealed-statement.ts";
import type { FolderRule, TrustPolicy } from "../../src/domain/trust-policy.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { ReconcilerPorts } from "../../src/registry/reconciler.ts";
import { signatureBy, signedBy, testKey, trustPolicy } from "../support/package-keys.ts";
import { createRegistryRoom } from "../support/registry-room.ts";
import { tinyPackage } from "../support/tiny-package.ts";
import { testSeal } from "../support/trust-ports.ts";

const ann = testKey("ann");
const bob = testKey("bob", "Ed25519");
const eve = testKey("eve");
const one = tinyPackage();
const two = tinyPackage({ version: "2.0.0", body: "export default 2;\n" });

interface Trust {
  keys?: readonly (typeof ann)[];
  rule?: Partial<FolderRule>;
  revoked?: Parameters<typeof trustPolicy>[2];
}

function trustRoom(trust: Trust | null = {}) {
  let policy: TrustPolicy | null = null;
  const room = createRegistryRoom({ policy: () => policy });
  const statements: NewStatement[] = [];
  const set = (next: Trust | null) => {
    policy = next && trustPolicy(next.keys ?? [ann, bob], { path: room.watched, ...next.rule }, next.revoked);
  };
  set(trust);
  const boot = (change: Partial<ReconcilerPorts> = {}) =>
    room.boot({
      writer: {
        async submit(change) {
          if (change.type === "registry") statements.push(...change.change.statements);
          return (await room.store.commit([change]))[0]!;
        },
      },
      ...change,
    });
  return {
    ...room,
    boot,
    /** The statements that were stored. */
    statements,
    policy: () => policy!,
    /** Another policy, which the next daemon finds. */
    set,
    /** Another policy, and what the daemon does at a reload. */
    async reload(reconciler: ReturnType<typeof boot>, next: Trust | null) {
      set(next);
      await reconciler.policyChanged();
    },
    put: (name: string, bytes: Buffer) => {
      // In one step, as a careful copy does.
      writeFileSync(join(room.base, "copy"), bytes);
      renameSync(join(room.base, "copy"), room.path(name));
    },
    record: async (digest: string) => (await room.store.packages()).find(({ identity }) => identity.digest === digest),
  };
}

describe("a signed package", () => {
  it("is admitted with one statement, signed and stored with it", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann, eve));
    await room.boot().start();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    const [statement] = room.statements;
    expect(room.statements).toHaveLength(1);
    expect(await room.record(one.identity.digest)).toMatchObject({
      admission: statement!.digest,
      policy: room.policy().digest,
      signers: [ann.keyId],
    });
    expect(sha256(statement!.statement)).toBe(statement!.digest);
    const signature = Buffer.from(statement!.signature!, "base64");
    expect(isSignedBy(testSeal.publicKey, statementPae(statement!.statement), signature)).toBe(true);
    const { signatures } = (await room.record(one.identity.digest))!;
    const bundle = signatures.find(({ keyId }) => keyId === ann.keyId)!;
    expect(JSON.parse(statement!.statement)).toEqual({
      _type: "https://in-toto.io/Statement/v1",
      subject: [{ name: "manifest.json", digest: { sha256: one.identity.digest } }],
      predicateType: "https://slsa.dev/verification_summary/v1",
      predicate: {
        verifier: { id: "urn:cascade:engine:test", version: { cascade: "0.1.0" } },
        timeVerified: new Date(room.clock.now()).toISOString(),
        resourceUri: "pkg:cascade/tiny@1.0.0",
        policy: { uri: "file:///etc/cascade/trust.toml", digest: { sha256: room.policy().digest } },
        inputAttestations: [
          { uri: `signatures/${ann.keyId}.sigstore.json`, digest: { sha256: sha256(bundle.bundle) } },
        ],
        verificationResult: "PASSED",
        verifiedLevels: ["SLSA_BUILD_LEVEL_UNEVALUATED", "CASCADE_PACKAGE_SIGNED"],
        slsaVersion: "1.0",
      },
    });
  });

  it("gets no second statement by another scan, a touched file, a restart, or by leaving and coming back", async () => {
    const room = trustRoom();
    const bytes = await signedBy(one.content, ann);
    room.put("one.cascade", bytes);
    const reconciler = room.boot();
    await reconciler.start();
    utimesSync(room.path("one.cascade"), 1, 1);
    await reconciler.reconcileOnce();
    room.remove("one.cascade");
    await reconciler.reconcileOnce();
    expect(await room.loaded()).toEqual([]);
    room.put("one.cascade", bytes);
    await reconciler.reconcileOnce();
    await reconciler.stop();
    const again = room.boot();
    await again.start();
    room.remove("one.cascade");
    await again.reconcileOnce();
    room.put("again.cascade", bytes);
    await again.reconcileOnce();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    expect(room.statements).toHaveLength(1);
    expect(await room.record(one.identity.digest)).toMatchObject({ admission: room.statements[0]!.digest });
  });

  it("gets one for each policy, at a reload or at a start", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann, bob));
    const reconciler = room.boot();
    await reconciler.start();
    await room.reload(reconciler, { rule: { threshold: 2 } });
    expect(room.statements).toHaveLength(2);
    await reconciler.stop();
    room.set({ rule: { threshold: 2, rollback: "allow" } });
    await room.boot().start();
    expect(room.statements).toHaveLength(3);
    expect((await room.record(one.identity.digest))!.admission).toBe(room.statements[2]!.digest);
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
  });

  it("is what was checked, whatever becomes of the file afterwards", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann));
    const source = createPackageSource({
      allowUnsafe: false,
      ownUid: process.getuid!(),
      maxBytes: 1e6,
      clock: room.clock,
      logger: silentLogger,
    });
    const swapped: ReconcilerPorts["source"] = {
      ...source,
      async read(location) {
        const found = await source.read(location);
        room.put("one.cascade", two.bytes);
        return found;
      },
    };
    await room.boot({ source: swapped }).start();
    expect(readFileSync(join(room.root, one.identity.digest, "bundle.mjs"), "utf8")).toBe("export default 1;\n");
    expect(existsSync(join(room.root, two.identity.digest))).toBe(false);
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
  });
});

describe("a package that is not admitted", () => {
  it.each<[string, Trust, () => Promise<Buffer>, string]>([
    ["unsigned", {}, async () => two.bytes, "PACKAGE_UNSIGNED"],
    ["signed by a stranger", {}, () => signedBy(two.content, eve), "PACKAGE_KEY_UNTRUSTED"],
    [
      "signed with a key that has run out",
      { keys: [{ ...ann, notAfter: 1 }, bob] },
      () => signedBy(two.content, ann),
      "PACKAGE_KEY_EXPIRED",
    ],
    [
      "with the signature of another package",
      {},
      async () => withSignatures(two.content, [await signatureBy(ann, one.content)]),
      "PACKAGE_SIGNATURE_INVALID",
    ],
    ["signed by one of two", { rule: { threshold: 2 } }, () => signedBy(two.content, ann), "PACKAGE_THRESHOLD"],
    ["revoked", { revoked: { packages: [two.identity.digest] } }, () => signedBy(two.content, ann), "PACKAGE_REVOKED"],
    [
      "of another name",
      { rule: { names: ["t?ny", "etl-*"] } },
      () => signedBy(tinyPackage({ name: "report" }).content, ann, bob),
      "PACKAGE_NAME_REFUSED",
    ],
  ])("because it is %s changes nothing but its record", async (_, trust, make, code) => {
    const room = trustRoom(trust);
    room.put("one.cascade", await signedBy(one.content, ann, bob));
    const reconciler = room.boot();
    await reconciler.start();
    room.put("one.cascade", await make());
    await reconciler.reconcileOnce();
    expect(await room.files()).toEqual({ "one.cascade": `rejected ${code}` });
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    expect(await room.active("tiny")).toEqual(one.identity);
    expect(room.statements).toHaveLength(1);
    const [record] = await room.store.packageFiles();
    expect(record!.package?.digest).not.toBe(one.identity.digest);
    await reconciler.stop();
    await room.boot().start();
    expect(await room.files()).toEqual({ "one.cascade": `rejected ${code}` });
    expect(await room.active("tiny")).toEqual(one.identity);
  });

  it("is looked at again when another policy holds", async () => {
    const room = trustRoom();
    room.put("one.cascade", one.bytes);
    const reconciler = room.boot();
    await reconciler.start();
    expect(await room.files()).toEqual({ "one.cascade": "rejected PACKAGE_UNSIGNED" });
    await room.reload(reconciler, { rule: { unsigned: "warn" } });
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    expect(await room.record(one.identity.digest)).toMatchObject({
      signers: [],
      admission: room.statements[0]!.digest,
    });
    expect(room.statements[0]!.statement).toContain("CASCADE_PACKAGE_UNSIGNED");
    room.put("one.cascade", await signedBy(one.content, ann));
    await reconciler.reconcileOnce();
    expect(await room.record(one.identity.digest)).toMatchObject({
      signers: [ann.keyId],
      admission: room.statements[1]!.digest,
    });
  });
});

describe("a lower version", () => {
  it("is refused after a higher one was admitted, also when that has left", async () => {
    const room = trustRoom();
    room.put("two.cascade", await signedBy(two.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    room.put("one.cascade", await signedBy(one.content, ann));
    await reconciler.reconcileOnce();
    expect(await room.files()).toEqual({ "one.cascade": "rejected PACKAGE_ROLLBACK", "two.cascade": "loaded" });
    room.remove("two.cascade");
    utimesSync(room.path("one.cascade"), 1, 1);
    await reconciler.reconcileOnce();
    expect(await room.loaded()).toEqual([]);
    await reconciler.stop();
    await room.boot().start();
    expect(await room.loaded()).toEqual([]);
  });

  it("stops serving when a higher one is admitted, whichever is read first, so that nobody gets it back by deleting", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    room.put("two.cascade", await signedBy(two.content, ann));
    await reconciler.reconcileOnce();
    expect(await room.files()).toEqual({ "one.cascade": "rejected PACKAGE_ROLLBACK", "two.cascade": "loaded" });
    expect(await room.loaded()).toEqual(["tiny@2.0.0"]);
  });

  it("comes back when the higher one is revoked", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann));
    room.put("two.cascade", await signedBy(two.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    expect(await room.loaded()).toEqual(["tiny@2.0.0"]);
    await room.reload(reconciler, { revoked: { packages: [two.identity.digest] } });
    expect(await room.files()).toEqual({ "one.cascade": "loaded", "two.cascade": "rejected PACKAGE_REVOKED" });
    expect(await room.active("tiny")).toEqual(one.identity);
  });

  it("waits beside the higher one where the folder allows it", async () => {
    const room = trustRoom({ rule: { rollback: "allow" } });
    room.put("one.cascade", await signedBy(one.content, ann));
    room.put("two.cascade", await signedBy(two.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    room.remove("two.cascade");
    await reconciler.reconcileOnce();
    expect(await room.active("tiny")).toEqual(one.identity);
  });
});

describe("a loaded package", () => {
  it.each<[string, Trust]>([
    ["whose digest is revoked", { revoked: { packages: [one.identity.digest] } }],
    ["whose key is revoked", { revoked: { keys: [ann.keyId] } }],
    ["whose key is no longer trusted", { keys: [bob] }],
    ["that has too few signatures by now", { rule: { threshold: 2 } }],
  ])("%s is unloaded at the reload, and at a start", async (_, next) => {
    for (const restart of [false, true]) {
      const room = trustRoom();
      room.put("one.cascade", await signedBy(one.content, ann));
      const reconciler = room.boot();
      await reconciler.start();
      expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
      if (restart) {
        await reconciler.stop();
        room.set(next);
        await room.boot().start();
      } else await room.reload(reconciler, next);
      expect(await room.loaded()).toEqual([]);
      expect((await room.files())["one.cascade"]).toMatch(/^rejected PACKAGE_/);
      expect(room.events.map(({ name }) => name)).toEqual(["package.loaded", "package.rejected", "package.unloaded"]);
    }
  });

  it("is unloaded although its folder cannot be listed, or its file holds something else", async () => {
    for (const spoil of ["folder", "file"]) {
      const room = trustRoom();
      room.put("one.cascade", await signedBy(one.content, ann));
      const reconciler = room.boot();
      await reconciler.start();
      if (spoil === "folder") renameSync(room.watched, `${room.watched}-away`);
      else room.put("one.cascade", Buffer.from("not a package"));
      await reconciler.reconcileOnce();
      expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
      await room.reload(reconciler, { revoked: { keys: [ann.keyId] } });
      expect(await room.loaded()).toEqual([]);
      expect(await room.active("tiny")).toBeUndefined();
    }
  });

  it("stays when its key has run out since, also when its file is touched", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    const until = room.clock.now() + 1_000;
    await room.clock.advance(60_000);
    await room.reload(reconciler, { keys: [{ ...ann, notAfter: until }] });
    utimesSync(room.path("one.cascade"), 1, 1);
    await reconciler.reconcileOnce();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    room.put("two.cascade", await signedBy(two.content, ann));
    await reconciler.reconcileOnce();
    expect((await room.files())["two.cascade"]).toBe("rejected PACKAGE_KEY_EXPIRED");
  });

  it("loses its statement with the policy, and without one everything is let in", async () => {
    const room = trustRoom(null);
    room.put("one.cascade", one.bytes);
    const reconciler = room.boot();
    await reconciler.start();
    expect(await room.record(one.identity.digest)).toMatchObject({ admission: null, policy: null, signers: [] });
    await room.reload(reconciler, { rule: { unsigned: "allow" } });
    expect(await room.record(one.identity.digest)).toMatchObject({ admission: room.statements[0]!.digest });
    await room.reload(reconciler, null);
    expect(await room.record(one.identity.digest)).toMatchObject({ admission: null, policy: null });
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
  });

  it("in two folders is judged by the rule of each", async () => {
    const room = trustRoom();
    room.put("one.cascade", await signedBy(one.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    const other = join(room.base, "open");
    mkdirSync(other);
    writeFileSync(join(other, "copy.cascade"), one.bytes);
    await reconciler.setFolders([room.watched, other]);
    // Signatures that are known count, whichever file they came with; the other folder takes any key of the policy.
    expect(await room.files()).toEqual({ "one.cascade": "loaded", "copy.cascade": "loaded" });
    expect(await room.record(one.identity.digest)).toMatchObject({ signers: [ann.keyId] });
    expect(room.statements).toHaveLength(1);
  });
});

describe("a key has to be valid when its signature first counts", () => {
  const DAY_MS = 86_400_000;
  const endsSoon = (room: ReturnType<typeof trustRoom>) => ({ ...ann, notAfter: room.clock.now() + DAY_MS });

  it("and a package that an open folder took earlier is refused when it has run out", async () => {
    const room = trustRoom(null);
    room.put("one.cascade", await signedBy(one.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    expect(await room.loaded()).toEqual(["tiny@1.0.0"]);
    const keys = [endsSoon(room)];
    await room.clock.advance(2 * DAY_MS);
    await room.reload(reconciler, { keys });
    expect(await room.files()).toEqual({ "one.cascade": "rejected PACKAGE_KEY_EXPIRED" });
  });

  it("and what it has admitted stays admitted when it runs out, also under another policy and after a restart", async () => {
    const room = trustRoom(null);
    const keys = [endsSoon(room)];
    room.set({ keys });
    room.put("one.cascade", await signedBy(one.content, ann));
    const reconciler = room.boot();
    await reconciler.start();
    await room.clock.advance(2 * DAY_MS);
    await room.reload(reconciler, { keys, rule: { rollback: "allow" } });
    await reconciler.stop();
    room.set({ keys, rule: { names: ["tiny"] } });
    await room.boot().start();
    expect(await room.files()).toEqual({ "one.cascade": "loaded" });
  });

  it("and a package that is signed anew by a later key stays loaded when a policy takes only that one", async () => {
    const room = trustRoom(null);
    room.put("one.cascade", one.bytes);
    const reconciler = room.boot();
    await reconciler.start();
    await room.clock.advance(2 * DAY_MS);
    const later = { ...bob, notBefore: room.clock.now() - DAY_MS };
    room.put("one.cascade", await signedBy(one.content, bob));
    await reconciler.reconcileOnce();
    await room.reload(reconciler, { keys: [later] });
    expect(await room.files()).toEqual({ "one.cascade": "loaded" });
  });
});

it("a rule holds for its folder by whatever name that is watched", async () => {
  const room = createRegistryRoom({ policy: () => policy });
  const link = join(room.base, "link");
  symlinkSync(room.watched, link);
  const policy = trustPolicy([ann], { path: room.watched, unsigned: "allow" });
  writeFileSync(room.path("one.cascade"), one.bytes);
  await room.boot({}, { folders: [link] }).start();
  expect(await room.files()).toEqual({ "one.cascade": "loaded" });
  const strict = trustPolicy([ann], { path: link });
  const other = createRegistryRoom({ policy: () => strict });
  writeFileSync(room.path("two.cascade"), two.bytes);
  await other.boot({}, { folders: [room.watched] }).start();
  expect(await other.files()).toMatchObject({ "two.cascade": "rejected PACKAGE_UNSIGNED" });
});
