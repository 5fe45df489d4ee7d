import { dirname } from "node:path";
import { TomlDate } from "smol-toml";
import { readPublicKey } from "../adapters/signing/public-key.ts";
import { createFieldCheck, describeValue, type FieldCheck, formatPath, type Path } from "../domain/field-check.ts";
import {
  type FolderRule,
  type PackageKey,
  rollbackKinds,
  type TrustPolicy,
  unsignedKinds,
  weakness,
} from "../domain/trust-policy.ts";
import { canonicalBytes } from "../kernel/canonical-json.ts";
import { type Digest, isDigest, sha256 } from "../kernel/digest.ts";
import { CascadeError, type Problem, problem } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { completePath } from "./config-values.ts";
import { readToml } from "./toml-file.ts";

export interface TrustText {
  /** Absolute path of the file, base of the relative paths in it. */
  path: string;
  uri: string;
  text: string;
  home: string;
  /** The text of a key file, which is as much a part of the policy as this one. */
  readKeyFile(path: string): string;
  /** The path without symbolic links. */
  realPath(path: string): string;
}

/** Reads `trust.toml`: the policy, or every problem as `TRUST_INVALID` with its place. */
export function readTrust(source: TrustText): { policy: TrustPolicy } | { problems: readonly Problem[] } {
  const toml = readToml(source.text);
  if ("wrong" in toml) return { problems: [problem("TRUST_INVALID", `${source.path}:${toml.line}`, toml.wrong)] };
  const check = createFieldCheck((path) => placeOf(source.path, toml.lines, path));
  const policy = readPolicy(toml.table, source, check);
  if (check.problems.length === 0) return { policy };
  const problems = check.problems.map(({ place, message, hint }) => problem("TRUST_INVALID", place, message, hint));
  return { problems };
}

/** The file and line of a field, as far as the line is known, and the field. */
function placeOf(file: string, lines: ReadonlyMap<string, number>, path: Path): string {
  const line = lines.get(path.filter((part) => typeof part === "string").join("."));
  const isInList = path.some((part) => typeof part === "number");
  const place = line === undefined || isInList ? file : `${file}:${line}`;
  return path.length === 0 ? place : `${place} ${formatPath(path)}`;
}

function readPolicy(table: Record<string, unknown>, source: TrustText, check: FieldCheck): TrustPolicy {
  const fields = check.object(table, [], ["require", "keys", "folder", "revoked"]) ?? {};
  checkRequire(fields, check);
  const keys = readKeys(fields["keys"], source, check);
  const byName = new Map([...keys.values()].map((key) => [key.name, key.keyId]));
  const folders = (fields["folder"] === undefined ? [] : (check.list(fields["folder"], ["folder"]) ?? [])).map(
    (value, index) => readFolder(value, ["folder", index], byName, source, check),
  );
  checkFolders(
    folders.map((folder) => ({ ...folder, path: source.realPath(folder.path) })),
    check,
  );
  const revoked =
    fields["revoked"] === undefined ? {} : (check.object(fields["revoked"], ["revoked"], ["keys", "packages"]) ?? {});
  const policy = {
    keys,
    folders,
    revoked: {
      keys: new Set(readRevoked(revoked["keys"], ["revoked", "keys"], byName, check)),
      packages: new Set(readRevoked(revoked["packages"], ["revoked", "packages"], new Map(), check)),
    },
  };
  return { uri: source.uri, digest: digestOf(policy), ...policy };
}

/**
 * An empty file is what a full disk, a failed copy or `> trust.toml` leave: it lets in nothing more than the policy before. Whoever
 * wants no policy says so.
 */
function checkRequire(fields: Record<string, unknown>, check: FieldCheck): void {
  const { require: asked, ...rest } = fields;
  const hint =
    'Write `require = "none"`, and nothing else, to let in every package; or name [keys] and [[folder]] rules.';
  if (asked === undefined) {
    if (Object.keys(rest).length === 0) check.report("TRUST_INVALID", [], "the file asks for nothing", hint);
  } else if (asked !== "none") {
    check.report("TRUST_INVALID", ["require"], `require must be "none" or absent, not ${describeValue(asked)}`, hint);
  } else if (Object.keys(rest).length > 0) {
    check.report("TRUST_INVALID", ["require"], 'require = "none" stands beside rules that it would undo', hint);
  }
}

function readKeys(value: unknown, source: TrustText, check: FieldCheck): Map<Digest, PackageKey> {
  const keys = new Map<Digest, PackageKey>();
  if (value === undefined) return keys;
  const table = check.object(value, ["keys"], isJsonObject(value) ? Object.keys(value) : []) ?? {};
  for (const [name, entry] of Object.entries(table)) {
    const path = ["keys", name];
    const fields = check.object(entry, path, ["public_key", "not_before", "not_after"]) ?? {};
    const publicKey = readKey(fields["public_key"], [...path, "public_key"], source, check);
    const notBefore = readTime(fields["not_before"], [...path, "not_before"], check);
    const notAfter = readTime(fields["not_after"], [...path, "not_after"], check);
    if (notBefore !== null && notAfter !== null && notAfter < notBefore) {
      check.report("TRUST_INVALID", path, `the key "${name}" ends before it begins`);
    }
    if (!publicKey) continue;
    const other = keys.get(publicKey.keyId);
    if (other) check.report("TRUST_INVALID", path, `"${name}" and "${other.name}" are one key`, "Keep one of them.");
    keys.set(publicKey.keyId, { name, keyId: publicKey.keyId, publicKey: publicKey.pem, notBefore, notAfter });
  }
  return keys;
}

/** PEM, or the path of a file that holds it. */
function readKey(value: unknown, path: Path, source: TrustText, check: FieldCheck) {
  const text = check.text(value, path);
  if (text === undefined) return undefined;
  const file = text.includes("-----BEGIN")
    ? undefined
    : completePath(text, { folder: dirname(source.path), home: source.home });
  try {
    return readPublicKey(file === undefined ? text : source.readKeyFile(file), file ?? "the key");
  } catch (error) {
    // A file that others may write to is no mistake in the text: it is told by its own code.
    if (error instanceof CascadeError && error.code === "TRUST_UNSAFE") throw error;
    const { message, hint } =
      error instanceof CascadeError ? error : { message: String(error), hint: "Name a file that can be read." };
    check.report("TRUST_INVALID", path, message, hint);
    return undefined;
  }
}

function readTime(value: unknown, path: Path, check: FieldCheck): number | null {
  if (value === undefined) return null;
  if (value instanceof TomlDate && (value.isDate() || (value.isDateTime() && !value.isLocal()))) return value.getTime();
  check.report(
    "TRUST_INVALID",
    path,
    `${String(path.at(-1))} is not a time with a zone`,
    "Write a time such as 2027-01-01T00:00:00Z, or a day such as 2027-01-01, which begins in UTC; without quotes.",
  );
  return null;
}

function readFolder(
  value: unknown,
  path: Path,
  byName: ReadonlyMap<string, Digest>,
  source: TrustText,
  check: FieldCheck,
): FolderRule {
  const at = (key: string) => [...path, key];
  const fields = check.object(value, path, ["path", "names", "keys", "threshold", "unsigned", "rollback"]) ?? {};
  const text = check.text(fields["path"], at("path"));
  const folder = text === undefined ? "" : completePath(text, { folder: dirname(source.path), home: source.home });
  if (folder === undefined) check.report("TRUST_INVALID", at("path"), "path is not a folder");
  const keys = readKeyNames(fields["keys"], at("keys"), byName, check) ?? [...byName.values()];
  const oneOf = <Kind extends string>(key: string, kinds: readonly Kind[], otherwise: Kind): Kind =>
    fields[key] === undefined ? otherwise : (check.oneOf(fields[key], at(key), kinds) ?? otherwise);
  const isClosed = byName.size > 0;
  const threshold =
    fields["threshold"] === undefined
      ? 1
      : (check.integer(fields["threshold"], at("threshold"), { min: 1, max: 16 }) ?? 1);
  const unsigned = oneOf("unsigned", unsignedKinds, isClosed ? "refuse" : "allow");
  if (unsigned === "refuse" && keys.length < threshold && check.problems.length === 0) {
    const message = `${threshold} signatures are asked for, but ${keys.length} keys are trusted: no package can be admitted`;
    check.report("TRUST_INVALID", path, message, "Name more keys, or lower the threshold.");
  }
  return {
    path: folder ?? "",
    names: fields["names"] === undefined ? ["*"] : readTexts(fields["names"], at("names"), check),
    keys: [...new Set(keys)].sort(),
    threshold,
    unsigned,
    rollback: oneOf("rollback", rollbackKinds, isClosed ? "refuse" : "allow"),
  };
}

function readKeyNames(
  value: unknown,
  path: Path,
  byName: ReadonlyMap<string, Digest>,
  check: FieldCheck,
): Digest[] | undefined {
  if (value === undefined) return undefined;
  return readTexts(value, path, check).flatMap((name, index) => {
    const keyId = byName.get(name);
    if (keyId !== undefined) return [keyId];
    const known = [...byName.keys()].join(", ");
    const hint = known === "" ? `Add [keys.${name}] with its public_key.` : `Known keys: ${known}.`;
    check.report("TRUST_INVALID", [...path, index], `there is no key "${name}"`, hint);
    return [];
  });
}

/** Names of the policy's keys, or digests. */
function readRevoked(value: unknown, path: Path, byName: ReadonlyMap<string, Digest>, check: FieldCheck): Digest[] {
  if (value === undefined) return [];
  return readTexts(value, path, check).flatMap((text, index) => {
    const found = byName.get(text) ?? (isDigest(text) ? text : undefined);
    if (found !== undefined) return [found];
    const what = path.at(-1) === "keys" ? "neither a key of this file nor a key id" : "no digest of a package";
    check.report("TRUST_INVALID", [...path, index], `"${text}" is ${what}`, "Write 64 lower-case hex digits.");
    return [];
  });
}

function readTexts(value: unknown, path: Path, check: FieldCheck): string[] {
  return (check.list(value, path) ?? []).flatMap((item, index) => check.text(item, [...path, index]) ?? []);
}

function checkFolders(folders: readonly FolderRule[], check: FieldCheck): void {
  for (const [index, folder] of folders.entries()) {
    if (folders.findIndex(({ path }) => path === folder.path) !== index) {
      check.report("TRUST_INVALID", ["folder", index, "path"], `${folder.path} has two rules`, "Join them into one.");
    }
    for (const outer of folders) {
      const problem = weakness(folder, outer);
      if (problem !== undefined) {
        const hint = "A folder inside a signed one cannot ask for less: make it as strict, or move it elsewhere.";
        check.report("TRUST_INVALID", ["folder", index], `${folder.path}: ${problem}`, hint);
      }
    }
  }
}

/** Of what the policy says, so that a comment changes nothing and another key in a key file does. */
function digestOf({ keys, folders, revoked }: Omit<TrustPolicy, "uri" | "digest">): Digest {
  return sha256(
    canonicalBytes({
      keys: [...keys.values()].toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1)),
      folders: folders.toSorted((a, b) => (a.path < b.path ? -1 : 1)),
      revoked: { keys: [...revoked.keys].sort(), packages: [...revoked.packages].sort() },
    }),
  );
}
