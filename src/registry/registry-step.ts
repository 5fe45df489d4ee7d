import { type AuditEntry, REFUSAL } from "../domain/audit.ts";
import type { Manifest, PackageIdentity } from "../domain/manifest.ts";
import type {
  FileLocation,
  FileStat,
  PackageFileRecord,
  PackageRecord,
  PackageTrust,
  RegistryChange,
  ServedPackage,
} from "../domain/registry.ts";
import { type Conflict, decideServing, filePath, type Holding, type Serving } from "../domain/serving.ts";
import type { Digest } from "../kernel/digest.ts";
import { CascadeError, type ErrorView, errorView } from "../kernel/errors.ts";
import type { CascadeEvent } from "../ports/events.ts";
import type { Vouching } from "./gatekeeper.ts";
import type { NewJudgements } from "./judge-anew.ts";
import { sameStat } from "./reconcile.ts";
import { isCandidate, joinedTrust, type RegistryState, sameTrust } from "./registry-state.ts";

/** What a look into a file found. */
export type Finding = { location: FileLocation; stat: FileStat } & (
  | { kind: "whole"; package: PackageIdentity; archiveDigest: Digest; manifest: Manifest; trust: PackageTrust }
  /** A whole package that the trust policy does not let in. */
  | { kind: "refused"; package: PackageIdentity; archiveDigest: Digest; error: ErrorView }
  | { kind: "incomplete" }
  | { kind: "rejected"; error: ErrorView }
);

/**
 * The next state of the registry, what to write for it, and what to tell once it is durable. The code of its packages
 * must be in the store before it is written.
 */
export interface RegistryStep {
  next: RegistryState;
  /** Its statements are still to be signed. */
  change: Omit<RegistryChange, "statements">;
  /** The statements that packages of this step were admitted. */
  statements: readonly string[];
  audit: readonly AuditEntry[];
  events: readonly CascadeEvent[];
  /** Files that were rejected for a conflict that is over. */
  lookAgain: readonly string[];
}

export interface StepInput {
  findings: readonly Finding[];
  gone: readonly PackageFileRecord[];
  judgements: NewJudgements;
  now: number;
  serve(identity: PackageIdentity, manifest: Manifest): ServedPackage;
  serveNothing(name: string): ServedPackage;
  vouch(identity: PackageIdentity, trust: PackageTrust, at: number): Vouching;
}

/** Folds findings into the registry. Decides everything and touches nothing; the same findings again change nothing. */
export function registryStep(state: RegistryState, input: StepInput): RegistryStep {
  const { findings, gone, judgements, now } = input;
  const files = new Map(state.files);
  for (const { location } of gone) files.delete(filePath(location));
  const manifests = new Map<Digest, Manifest>();
  const trusted = new Map(judgements.trust);
  for (const finding of findings) {
    const path = filePath(finding.location);
    files.set(path, recordOf(finding, state.files.get(path), now));
    if (finding.kind !== "whole") continue;
    const { digest } = finding.package;
    manifests.set(digest, finding.manifest);
    trusted.set(digest, joinedTrust(trusted.get(digest), finding.trust));
  }
  for (const [path, error] of judgements.refused) {
    const record = files.get(path);
    if (record) files.set(path, { ...record, state: "rejected", error, keeps: null, changedAt: now });
  }
  for (const path of judgements.letGo) {
    const record = files.get(path);
    if (record) files.set(path, { ...record, keeps: null });
  }

  const canLoad = (digest: Digest) => state.packages.has(digest) || manifests.has(digest);
  const { serving, lookAgain } = decide(holdingsOf(files, state), state, canLoad);

  const conflicts = new Map(serving.conflicts.map((conflict) => [filePath(conflict.holding.location), conflict]));
  for (const [path, record] of files) {
    if (isCandidate(record) && !lookAgain.includes(path)) files.set(path, settled(record, conflicts.get(path), now));
  }

  const packages = new Map<Digest, PackageRecord>();
  const judged: PackageRecord[] = [];
  const statements: string[] = [];
  const loads: { record: PackageRecord; location: FileLocation }[] = [];
  for (const [digest, { package: identity, location }] of serving.loaded) {
    const known = state.packages.get(digest);
    const found = trusted.get(digest);
    if (known && (!found || sameTrust(known, joinedTrust(known, found)))) {
      packages.set(digest, known);
      continue;
    }
    const trust = joinedTrust(known, found!);
    const { admission, statement } = input.vouch(identity, trust, now);
    const loaded = known ?? {
      identity,
      manifest: manifests.get(digest)!,
      state: "loaded",
      loadedAt: now,
      unloadedAt: null,
    };
    const record: PackageRecord = { ...loaded, ...trust, admission };
    packages.set(digest, record);
    if (known) judged.push(record);
    else loads.push({ record, location });
    if (statement !== null) statements.push(statement);
  }
  const unloaded = [...state.packages.values()].filter(({ identity }) => !packages.has(identity.digest));

  const changed = [...files].filter(([path, record]) => !sameRecord(record, state.files.get(path)));
  const active = new Map([...serving.active].map(([name, identity]) => [name, identity.digest]));
  const change: RegistryStep["change"] = {
    at: now,
    files: changed.map(([, record]) => record),
    gone: gone.map(({ location }) => location),
    // What leaves goes first: a package of the same name and version may come in its place.
    packages: [
      ...unloaded.map((record) => ({ ...record, state: "unloaded" as const, unloadedAt: now })),
      ...loads.map(({ record }) => record),
      ...judged,
    ],
    served: [
      ...[...serving.active.values()]
        .filter(({ name, digest }) => state.active.get(name) !== digest)
        .map((identity) => input.serve(identity, packages.get(identity.digest)!.manifest)),
      ...[...state.active.keys()].filter((name) => !active.has(name)).map((name) => input.serveNothing(name)),
    ],
  };
  const rejected = changed
    .filter(([path, record]) => isNewRejection(record, state.files.get(path)))
    .map(([, { location, error }]) => ({ location, error: error! }));
  return {
    next: { files, packages, active },
    change,
    statements,
    ...accountOf({ loads, rejected, unloaded, now }),
    lookAgain,
  };
}

export function isIdle({ change }: RegistryStep): boolean {
  return [change.files, change.gone, change.packages, change.served].every((list) => list.length === 0);
}

/** What the file says by itself, before it is compared with others. */
function recordOf(finding: Finding, prior: PackageFileRecord | undefined, now: number): PackageFileRecord {
  const record: PackageFileRecord = {
    location: finding.location,
    state: "arriving",
    stat: finding.stat,
    archiveDigest: null,
    package: null,
    keeps: keptBy(prior),
    error: null,
    seenAt: prior?.seenAt ?? now,
    changedAt: prior && sameStat(prior.stat, finding.stat) ? prior.changedAt : now,
  };
  switch (finding.kind) {
    case "whole":
      return { ...record, state: "loaded", package: finding.package, archiveDigest: finding.archiveDigest };
    case "incomplete":
      return record;
    case "refused": {
      const { package: identity, archiveDigest, error } = finding;
      // What may not be loaded may not go on serving either.
      const keeps = record.keeps === identity.digest ? null : record.keeps;
      return { ...record, state: "rejected", package: identity, archiveDigest, error, keeps };
    }
    case "rejected":
      return { ...record, state: "rejected", error: finding.error };
  }
}

function keptBy(prior: PackageFileRecord | undefined): Digest | null {
  return prior?.state === "loaded" && prior.package ? prior.package.digest : (prior?.keeps ?? null);
}

function holdingsOf(files: ReadonlyMap<string, PackageFileRecord>, state: RegistryState): Holding[] {
  const holdings: Holding[] = [];
  for (const record of files.values()) {
    const kept = record.keeps === null ? undefined : state.packages.get(record.keeps)?.identity;
    const own = isCandidate(record) ? record.package : null;
    const base = { location: record.location, modifiedNs: record.stat.modifiedNs };
    const replaces = !!own && !!kept && own.name === kept.name && own.version === kept.version;
    if (own) holdings.push({ ...base, package: own, replaces, kept: false });
    if (kept && !replaces) holdings.push({ ...base, package: kept, replaces: false, kept: true });
  }
  return holdings;
}

/**
 * A file rejected for a conflict has not been unpacked. If it wins now, it is looked into again first, and decides with the
 * others once that is done; until then they are decided without it. A file that gets its own package loaded lets go of
 * the one it kept, which may end the conflict of another file.
 */
function decide(
  all: readonly Holding[],
  state: RegistryState,
  canLoad: (digest: Digest) => boolean,
): { serving: Serving; lookAgain: string[] } {
  const lookAgain: string[] = [];
  let holdings = all;
  for (;;) {
    const serving = decideServing(holdings, (digest) => state.packages.has(digest));
    const winners = new Set(
      holdings
        .filter(({ kept, package: { digest } }) => !kept && serving.loaded.has(digest))
        .map(({ location }) => filePath(location)),
    );
    const isMissing = ({ package: { digest } }: Holding) => serving.loaded.has(digest) && !canLoad(digest);
    const isLetGo = ({ kept, location }: Holding) => kept && winners.has(filePath(location));
    const missing = holdings.filter(isMissing);
    const next = holdings.filter((holding) => (missing.length > 0 ? !isMissing(holding) : !isLetGo(holding)));
    if (next.length === holdings.length) return { serving, lookAgain };
    lookAgain.push(...missing.map(({ location }) => filePath(location)));
    holdings = next;
  }
}

function settled(record: PackageFileRecord, conflict: Conflict | undefined, now: number): PackageFileRecord {
  if (!conflict) {
    if (record.state === "loaded" && record.keeps === null) return record;
    return { ...record, state: "loaded", keeps: null, error: null, changedAt: record.error ? now : record.changedAt };
  }
  const { winner } = conflict;
  const error = errorView(
    new CascadeError(
      "PACKAGE_CONFLICT",
      `${filePath(record.location)} and ${filePath(winner.location)} are both ${winner.package.name} ${winner.package.version} with different content; the latter is loaded`,
    ),
  );
  return { ...record, state: "rejected", error };
}

function sameRecord(record: PackageFileRecord, prior: PackageFileRecord | undefined): boolean {
  return (
    prior !== undefined &&
    record.state === prior.state &&
    sameStat(record.stat, prior.stat) &&
    record.archiveDigest === prior.archiveDigest &&
    record.package?.digest === prior.package?.digest &&
    record.keeps === prior.keeps &&
    record.error?.code === prior.error?.code &&
    record.error?.message === prior.error?.message
  );
}

/** A file that is rejected for the same reason after each change is told once. */
function isNewRejection(record: PackageFileRecord, prior: PackageFileRecord | undefined): boolean {
  if (record.state !== "rejected") return false;
  return record.error?.code !== prior?.error?.code || record.error?.message !== prior?.error?.message;
}

function accountOf(facts: {
  loads: readonly { record: PackageRecord; location: FileLocation }[];
  rejected: readonly { location: FileLocation; error: ErrorView }[];
  unloaded: readonly PackageRecord[];
  now: number;
}): { audit: AuditEntry[]; events: CascadeEvent[] } {
  const at = facts.now;
  const audit: AuditEntry[] = [];
  const events: CascadeEvent[] = [];
  for (const { record, location } of facts.loads) {
    const { identity, admission } = record;
    const { name, version, digest } = identity;
    const data = { version, digest, file: filePath(location), admission };
    audit.push({ at, name: "package.loaded", subject: name, data });
    events.push({ name: "package.loaded", package: name, version, digest, file: location, at });
  }
  for (const { location, error } of facts.rejected) {
    const { code, message } = error;
    audit.push({ at, name: REFUSAL, subject: filePath(location), data: { code, message } });
    events.push({ name: "package.rejected", file: location, error, at });
  }
  for (const { identity } of facts.unloaded) {
    const { name, version, digest } = identity;
    audit.push({ at, name: "package.unloaded", subject: name, data: { version, digest } });
    events.push({ name: "package.unloaded", package: name, version, digest, at });
  }
  return { audit, events };
}
