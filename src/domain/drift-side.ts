import type { Digest } from "../kernel/digest.ts";
import { BUNDLE_FILE, type Manifest, type PackageIdentity } from "./manifest.ts";
import type { SnapshotContent } from "./snapshot.ts";
import { type WorkflowDefinition, workflowId } from "./workflow.ts";

/** The program that executed a run. */
export interface Engine {
  cascade: string;
  node: string;
  platform: string;
}

/** One side of a comparison: a package, or the one workflow of it that a run executes. */
export interface Compared {
  package: PackageIdentity;
  env: readonly string[];
  workflows: readonly WorkflowDefinition[];
  /** `workflow/task` → digest of its code. */
  code: Readonly<Record<string, Digest>>;
  /** What else the package holds; null when its manifest is not kept. */
  manifest: Pick<Manifest, "files" | "fingerprint"> | null;
  /** Null when nothing was executed, or nothing says by what. */
  engine: Engine | null;
}

/** What a check finds. */
export interface Difference {
  subject: string;
  message: string;
  compatible?: boolean;
  /** It cannot be told whether there is a difference. */
  isUnknown?: true;
}

export function comparedPackage(manifest: Manifest, digest: Digest): Compared {
  const { name, version, env, workflows, fingerprint } = manifest;
  return { package: { name, version, digest }, env, workflows, code: fingerprint.tasks, manifest, engine: null };
}

/** What a run executes, or what a new one would. `manifest`: that of its package, where it is kept. */
export function comparedSnapshot(
  content: SnapshotContent,
  manifest: Manifest | undefined,
  engine: Engine | null = null,
): Compared {
  const { definition, env } = content;
  const code = Object.entries(content.code).map(([task, digest]) => [workflowId(definition.name, task), digest]);
  return {
    package: content.package,
    env,
    workflows: [definition],
    code: Object.fromEntries(code) as Record<string, Digest>,
    manifest: manifest ?? null,
    engine,
  };
}

/** Every byte is the same, whatever is known of them. */
export function hasEqualPackage(before: Compared, after: Compared): boolean {
  return before.package.digest === after.package.digest;
}

/** All code is the same, as far as both manifests are kept. */
export function hasEqualBundle(before: Compared, after: Compared): boolean {
  if (!before.manifest || !after.manifest) return false;
  const [old, next] = [before.manifest, after.manifest].map(({ files }) =>
    files.find(({ path }) => path === BUNDLE_FILE),
  );
  return old?.sha256 === next?.sha256;
}

export function nameOf({ name, version }: PackageIdentity): string {
  return `${name}@${version}`;
}

/** Items of one name on both sides, in the order of `after`. */
export function pairs<Item extends { name: string }>(
  before: readonly Item[],
  after: readonly Item[],
): { was: Item; is: Item }[] {
  const former = new Map(before.map((item) => [item.name, item]));
  return after.flatMap((is) => {
    const was = former.get(is.name);
    return was ? [{ was, is }] : [];
  });
}

/** Names that only one side has, each with whether it is the new one. */
export function unpaired(before: readonly string[], after: readonly string[]): { name: string; isNew: boolean }[] {
  const [former, present] = [new Set(before), new Set(after)];
  return [
    ...before.filter((name) => !present.has(name)).map((name) => ({ name, isNew: false })),
    ...after.filter((name) => !former.has(name)).map((name) => ({ name, isNew: true })),
  ];
}
