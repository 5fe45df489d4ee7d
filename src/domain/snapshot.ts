import { canonicalBytes } from "../kernel/canonical-json.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { type Graph, graphOf } from "./graph.ts";
import type { PackageIdentity } from "./manifest.ts";
import type { TaskDefinition, WorkflowDefinition } from "./workflow.ts";

/** What a run executes to its end, whatever is dropped meanwhile: one workflow of one package, frozen. */
export interface SnapshotContent {
  package: PackageIdentity;
  /** Names of the environment variables its tasks are given. */
  env: readonly string[];
  definition: WorkflowDefinition;
  /** By task: the digest of its function's text in the bundle, or of its command. */
  code: Readonly<Record<string, Digest>>;
}

/** A snapshot with what is derived from it once, for all runs that share it. */
export interface Snapshot extends SnapshotContent {
  digest: Digest;
  graph: Graph;
  tasks: ReadonlyMap<string, TaskDefinition>;
  /** The tasks without upstream, in the definition's order. */
  roots: readonly string[];
}

/** SHA-256 of the RFC 8785 bytes of its content. */
export function snapshotDigest({ package: identity, env, definition, code }: SnapshotContent): Digest {
  return sha256(canonicalBytes({ package: identity, env, definition, code }));
}

export function snapshotOf(content: SnapshotContent): Snapshot {
  const { package: identity, env, definition, code } = content;
  return {
    package: identity,
    env,
    definition,
    code,
    digest: snapshotDigest(content),
    graph: graphOf(definition.tasks),
    roots: definition.tasks.filter(({ after }) => after.length === 0).map(({ name }) => name),
    tasks: new Map(definition.tasks.map((task) => [task.name, task])),
  };
}
