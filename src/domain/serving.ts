import compareVersions from "semver/functions/compare-build.js";
import type { Digest } from "../kernel/digest.ts";
import type { PackageIdentity } from "./manifest.ts";
import type { FileLocation } from "./registry.ts";

/** A file in a watched folder that stands for a package. */
export interface Holding {
  location: FileLocation;
  package: PackageIdentity;
  /** Nanoseconds, as decimal text. */
  modifiedNs: string;
  /** The file took the place of one that held the loaded package of this name and version. */
  replaces: boolean;
  /** The file holds something else by now; its package stays until it holds a whole one again. */
  kept: boolean;
}

/** A file whose package may not load, because another file has its name and version with other content. */
export interface Conflict {
  holding: Holding;
  winner: Holding;
}

export interface Serving {
  /** Every package that is to be loaded, with the file it is loaded from. */
  loaded: ReadonlyMap<Digest, Holding>;
  /** By package name: the highest of its loaded versions. */
  active: ReadonlyMap<string, PackageIdentity>;
  conflicts: readonly Conflict[];
}

/** Decides which packages the present files give. `isLoaded` tells which are loaded already: those stay. */
export function decideServing(holdings: readonly Holding[], isLoaded: (digest: Digest) => boolean): Serving {
  const loaded = new Map<Digest, Holding>();
  const active = new Map<string, PackageIdentity>();
  const conflicts: Conflict[] = [];
  for (const rivals of rivalGroups(holdings)) {
    const winner = rivals.reduce((best, other) => (precedes(other, best, isLoaded) ? other : best));
    loaded.set(winner.package.digest, winner);
    for (const holding of rivals) {
      if (holding.package.digest !== winner.package.digest && !holding.kept) conflicts.push({ holding, winner });
    }
    const { name } = winner.package;
    const highest = active.get(name);
    if (!highest || isHigher(winner.package.version, highest.version)) active.set(name, winner.package);
  }
  return { loaded, active, conflicts };
}

function isHigher(version: string, other: string): boolean {
  // Build metadata such as +1 and +01 compares equal: the text decides, so that the order of files never does.
  return (compareVersions(version, other) || (version > other ? 1 : -1)) > 0;
}

/** Files that hold one name and version. */
function rivalGroups(holdings: readonly Holding[]): Iterable<Holding[]> {
  const groups = new Map<string, Holding[]>();
  for (const holding of holdings) {
    const key = `${holding.package.name}@${holding.package.version}`;
    const group = groups.get(key);
    if (group) group.push(holding);
    else groups.set(key, [holding]);
  }
  return groups.values();
}

/** What is loaded stays; else a file overwritten in place goes before others, then the older one, then the path. */
function precedes(a: Holding, b: Holding, isLoaded: (digest: Digest) => boolean): boolean {
  const aLoaded = isLoaded(a.package.digest);
  if (aLoaded !== isLoaded(b.package.digest)) return aLoaded;
  if (a.kept !== b.kept) return b.kept;
  if (a.replaces !== b.replaces) return a.replaces;
  const age = BigInt(a.modifiedNs) - BigInt(b.modifiedNs);
  if (age !== 0n) return age < 0n;
  return filePath(a.location) < filePath(b.location);
}

export function filePath(location: FileLocation): string {
  return `${location.folder}/${location.name}`;
}
