import type { Digest } from "../kernel/digest.ts";

/** What becomes of a package without enough trusted signatures. From strict to lax. */
export const unsignedKinds = ["refuse", "warn", "allow"] as const;
export type UnsignedKind = (typeof unsignedKinds)[number];
/** What becomes of a version below the highest one that was admitted. From strict to lax. */
export const rollbackKinds = ["refuse", "allow"] as const;
export type RollbackKind = (typeof rollbackKinds)[number];

/** A public key that may sign packages. */
export interface PackageKey {
  /** As the policy calls it. */
  name: string;
  /** Hex SHA-256 of its SPKI DER. */
  keyId: Digest;
  /** SPKI PEM: P-256 or Ed25519. */
  publicKey: string;
  /** From and until when it admits packages, both included; null without a limit. */
  notBefore: number | null;
  notAfter: number | null;
}

/** What is asked of packages of one watched folder. */
export interface FolderRule {
  /** Absolute. Holds for this folder and those below it that have no rule of their own. */
  path: string;
  /** Package names that may come from it, with `*` and `?`. */
  names: readonly string[];
  keys: readonly Digest[];
  /** So many different keys must have signed. */
  threshold: number;
  unsigned: UnsignedKind;
  rollback: RollbackKind;
}

/** `trust.toml` as it holds now. */
export interface TrustPolicy {
  /** Of the file. */
  uri: string;
  /** SHA-256 of what it says, the key files it names included. */
  digest: Digest;
  keys: ReadonlyMap<Digest, PackageKey>;
  folders: readonly FolderRule[];
  revoked: { keys: ReadonlySet<Digest>; packages: ReadonlySet<Digest> };
}

/**
 * The rule of the longest path that holds the folder. A folder without one is closed as soon as the policy has a key: any of
 * its keys will do, but one is needed. Without keys it is open.
 */
export function ruleFor(
  { folders, keys }: Pick<TrustPolicy, "folders" | "keys">,
  folder: string,
  realPath: (path: string) => string,
): FolderRule {
  const real = realPath(folder);
  const [longest] = folders
    .map((rule) => ({ rule, path: realPath(rule.path) }))
    .filter(({ path }) => isWithin(real, path))
    .toSorted((a, b) => b.path.length - a.path.length);
  if (longest) return longest.rule;
  const isClosed = keys.size > 0;
  return {
    path: folder,
    names: ["*"],
    keys: [...keys.keys()],
    threshold: 1,
    unsigned: isClosed ? "refuse" : "allow",
    rollback: isClosed ? "refuse" : "allow",
  };
}

/** How a rule is weaker than that of a folder around it, which takes signatures; undefined when it is not. Paths are real ones. */
export function weakness(inner: FolderRule, outer: FolderRule): string | undefined {
  if (outer.unsigned === "allow" || inner.path === outer.path || !isWithin(inner.path, outer.path)) return undefined;
  const around = `${outer.path} around it`;
  if (unsignedKinds.indexOf(inner.unsigned) > unsignedKinds.indexOf(outer.unsigned)) {
    return `unsigned = "${inner.unsigned}" is weaker than "${outer.unsigned}" of ${around}`;
  }
  if (inner.threshold < outer.threshold) return `threshold ${inner.threshold} is below ${outer.threshold} of ${around}`;
  if (rollbackKinds.indexOf(inner.rollback) > rollbackKinds.indexOf(outer.rollback)) {
    return `rollback = "${inner.rollback}" is weaker than "${outer.rollback}" of ${around}`;
  }
  return inner.keys.some((key) => !outer.keys.includes(key)) ? `it trusts a key that ${around} does not` : undefined;
}

export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? folder : `${folder}/`);
}

/** Whether a name fits one of the patterns, in which `*` stands for any characters and `?` for one. */
export function fitsNames(name: string, patterns: readonly string[]): boolean {
  return patterns.some((pattern) => {
    const literal = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&");
    return new RegExp(`^${literal.replaceAll("*", ".*").replaceAll("?", ".")}$`).test(name);
  });
}
