import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { loadTrust } from "../../../src/daemon/trust-file.ts";
import { withRevokedKey } from "../../../src/daemon/key-revocation.ts";
import { readTrust } from "../../../src/daemon/trust-toml.ts";
import { CascadeError } from "../../../src/kernel/errors.ts";
import { sha256 } from "../../../src/kernel/digest.ts";
import { testKey } from "../../support/package-keys.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const ann = testKey("ann");
const bob = testKey("bob", "Ed25519");
const inline = (name: string, { publicKey }: { publicKey: string }, more = "") =>
  `[keys.${name}]\npublic_key = """\n${publicKey}"""\n${more}`;
const digest = sha256("a package");

function read(text: string, files: Readonly<Record<string, string>> = {}) {
  return readTrust({
    path: "/etc/cascade/trust.toml",
    uri: "file:///etc/cascade/trust.toml",
    text,
    home: "/home/ann",
    realPath: (path) => path,
    readKeyFile(path) {
      const found = files[path];
      if (found === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: "ENOENT" });
      return found;
    },
  });
}

function policy(text: string, files?: Readonly<Record<string, string>>) {
  const reading = read(text, files);
  if ("problems" in reading) throw new Error(JSON.stringify(reading.problems));
  return reading.policy;
}

describe("a trust.toml that asks for nothing", () => {
  it.each(["", "\n\n# nothing\n", 'require = "all"\n', `require = "none"\n${inline("ann", ann)}`])(
    "is a mistake and no open door: %j",
    (text) => {
      expect(read(text)).toMatchObject({
        problems: [{ code: "TRUST_INVALID", hint: expect.stringContaining('require = "none"') }],
      });
    },
  );

  it('lets in everything when it says require = "none"', () => {
    expect(policy('require = "none"\n')).toMatchObject({ keys: new Map(), folders: [] });
  });
});

describe("trust.toml", () => {
  it("is read with its keys, folders and what is revoked", () => {
    const text = `${inline("ann", ann, "not_before = 2026-01-01\nnot_after = 2027-01-01T12:00:00Z\n")}
[keys.bob]
public_key = "keys/bob.pub.pem"

[[folder]]
path = "/srv/prod"
names = ["etl-*"]
keys = ["ann", "bob"]
threshold = 2
rollback = "allow"

[[folder]]
path = "~/dev"
unsigned = "warn"

[revoked]
keys = ["bob", "${digest}"]
packages = ["${digest}"]
`;
    const found = policy(text, { "/etc/cascade/keys/bob.pub.pem": bob.publicKey });
    expect([...found.keys.values()]).toEqual([
      {
        name: "ann",
        keyId: ann.keyId,
        publicKey: ann.publicKey,
        notBefore: Date.UTC(2026, 0, 1),
        notAfter: Date.UTC(2027, 0, 1, 12),
      },
      { name: "bob", keyId: bob.keyId, publicKey: bob.publicKey, notBefore: null, notAfter: null },
    ]);
    const keys = [ann.keyId, bob.keyId].sort();
    expect(found.folders).toEqual([
      { path: "/srv/prod", names: ["etl-*"], keys, threshold: 2, unsigned: "refuse", rollback: "allow" },
      { path: "/home/ann/dev", names: ["*"], keys, threshold: 1, unsigned: "warn", rollback: "refuse" },
    ]);
    expect(found.revoked).toEqual({ keys: new Set([bob.keyId, digest]), packages: new Set([digest]) });
  });

  it("without keys is open, and may still revoke packages", () => {
    const found = policy(`[[folder]]\npath = "/srv"\n[revoked]\npackages = ["${digest}"]\n`);
    expect(found.folders).toMatchObject([{ unsigned: "allow", rollback: "allow", threshold: 1 }]);
    expect(found.revoked.packages.has(digest)).toBe(true);
  });

  it("has a digest of what it says: not of comments and order, but of key files", () => {
    const text = '[keys.ann]\npublic_key = "a.pem"\n';
    const of = (written: string, pem = ann.publicKey) => policy(written, { "/etc/cascade/a.pem": pem }).digest;
    expect(of(`# ours\n${text}`)).toBe(of(text));
    expect(of(text, bob.publicKey)).not.toBe(of(text));
    expect(of(`${text}not_after = 2030-01-01\n`)).not.toBe(of(text));
  });

  it.each<[string, string, RegExp]>([
    ["no TOML", "[keys", /trust.toml:1 not TOML/],
    ["an unknown table", "[key.ann]", /there is no key "key"; did you mean "keys"/],
    ["an unknown key", `${inline("ann", ann)}not_afer = 2027-01-01\n`, /did you mean "not_after"/],
    [
      "a key file that is not there",
      '[keys.ann]\npublic_key = "none.pem"\n',
      /trust.toml:2 keys.ann.public_key .*ENOENT/,
    ],
    ["a private key", `[keys.ann]\npublic_key = """\n${ann.privateKey}"""\n`, /not a public key/],
    ["no public key", "[keys.ann]\n", /public_key must be text, not missing/],
    ["one key under two names", inline("ann", ann) + inline("also", ann), /"also" and "ann" are one key/],
    ["a time in quotes", inline("ann", ann, 'not_after = "2027-01-01"\n'), /not a time with a zone/],
    ["a time without a zone", inline("ann", ann, "not_after = 2027-01-01T00:00:00\n"), /not a time with a zone/],
    [
      "a key that ends before it begins",
      inline("ann", ann, "not_before = 2027-01-02\nnot_after = 2027-01-01\n"),
      /ends before it begins/,
    ],
    ["a folder without a path", "[[folder]]\n", /path must be text/],
    ["a folder's unknown key", '[[folder]]\npath = "/a"\nkeys = ["eve"]\n', /there is no key "eve"/],
    ["a folder twice", '[[folder]]\npath = "/a"\n[[folder]]\npath = "/a/"\n', /two rules/],
    ["an unknown word", '[[folder]]\npath = "/a"\nunsigned = "maybe"\n', /"refuse" or "warn" or "allow"/],
    ["a threshold of none", '[[folder]]\npath = "/a"\nthreshold = 0\n', /from 1 to 16/],
    [
      "a threshold that cannot be reached",
      `${inline("ann", ann)}[[folder]]\npath = "/a"\nthreshold = 2\n`,
      /no package can be admitted/,
    ],
    [
      "a weaker folder inside",
      `${inline("ann", ann)}[[folder]]\npath = "/a"\n[[folder]]\npath = "/a/b"\nunsigned = "allow"\n`,
      /\/a\/b: unsigned = "allow" is weaker than "refuse" of \/a around it/,
    ],
    ["a revoked name that is none", '[revoked]\nkeys = ["ann"]\n', /"ann" is neither a key of this file nor a key id/],
    ["a revoked package by name", '[revoked]\npackages = ["etl"]\n', /"etl" is no digest/],
  ])("with %s is refused with the place", (_, text, expected) => {
    const reading = read(text);
    expect(
      "problems" in reading ? reading.problems.map(({ place, message }) => `${place} ${message}`).join() : "read",
    ).toMatch(expected);
  });
});

describe("the file of a policy", () => {
  const uid = process.getuid!();
  function place() {
    const folder = join(tempFolder(), "etc");
    mkdirSync(folder, { mode: 0o755 });
    const path = join(folder, "trust.toml");
    writeFileSync(path, inline("ann", ann));
    const load = (change: Partial<Parameters<typeof loadTrust>[0]> = {}) => {
      try {
        return loadTrust({ path, required: true, watch: [], uid, home: "/root", ...change }) === null ? "none" : "read";
      } catch (error) {
        return error instanceof CascadeError ? `${error.code} ${error.message} | ${error.hint}` : String(error);
      }
    };
    return { folder, path, load };
  }

  it("is read when only its owner may write it, and need not be there unless it is named", () => {
    const { folder, load } = place();
    expect(load()).toBe("read");
    expect(load({ path: join(folder, "none"), required: false })).toBe("none");
    expect(load({ path: join(folder, "none") })).toMatch(/^CONFIG_UNREADABLE/);
  });

  it.each([0o664, 0o646])("is refused when others may write it (mode %o)", (mode) => {
    const { path, load } = place();
    chmodSync(path, mode);
    expect(load()).toMatch(/^TRUST_UNSAFE others may write to .*trust\.toml.*chmod go-w/);
  });

  it("is refused when others may write its folder, or that of the file a link leads to", () => {
    const { folder, path, load } = place();
    const link = join(folder, "link.toml");
    const open = join(folder, "open");
    mkdirSync(open);
    chmodSync(open, 0o770);
    writeFileSync(join(open, "trust.toml"), "");
    symlinkSync(join(open, "trust.toml"), link);
    expect(load({ path: link })).toMatch(/^TRUST_UNSAFE others may write to .*open/);
    chmodSync(folder, 0o775);
    expect(load({ path })).toMatch(/^TRUST_UNSAFE/);
  });

  it("is refused in a watched folder, also through a link", () => {
    const { folder, load } = place();
    const link = join(tempFolder(), "watched");
    symlinkSync(folder, link);
    expect(load({ watch: [folder] })).toMatch(/^TRUST_UNSAFE .* lies in the watched folder/);
    expect(load({ watch: [link] })).toMatch(/^TRUST_UNSAFE/);
    expect(load({ watch: [join(folder, "packages")] })).toBe("read");
  });

  it.runIf(uid === 0)("is refused when it belongs to neither root nor the daemon's user", () => {
    const { path, load } = place();
    chownSync(path, 1234, 0);
    expect(load({ uid: 1000 })).toMatch(/^TRUST_UNSAFE .* belongs to user 1234/);
    expect(load({ uid: 1234 })).toBe("read");
  });

  it("is refused when others may write a key file that it names", () => {
    const { folder, path, load } = place();
    writeFileSync(join(folder, "ann.pub.pem"), ann.publicKey);
    writeFileSync(path, '[keys.ann]\npublic_key = "ann.pub.pem"\n');
    expect(load()).toBe("read");
    chmodSync(join(folder, "ann.pub.pem"), 0o666);
    expect(load()).toMatch(/^TRUST_UNSAFE others may write to .*ann\.pub\.pem/);
  });
});

describe("revoking in the text", () => {
  it.each([
    ["", `\n[revoked]\nkeys = ["K"]\n`],
    ["[keys.a]", `[keys.a]\n\n[revoked]\nkeys = ["K"]\n`],
    ["[revoked]\n", `[revoked]\nkeys = ["K"]\n`],
    ["[revoked]\npackages = []\n[x]\nkeys = []\n", `[revoked]\nkeys = ["K"]\npackages = []\n[x]\nkeys = []\n`],
    ["[revoked]\nkeys = [ ]\n", `[revoked]\nkeys = ["K" ]\n`],
    ['[revoked]\nkeys = [ # all\n  "a",\n]\n', `[revoked]\nkeys = ["K",  # all\n  "a",\n]\n`],
  ])("%j", (before, after) => expect(withRevokedKey(before, "K")).toBe(after));
});
