import { canonicalBytes } from "../kernel/canonical-json.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { ASSETS_FOLDER, type Fingerprint, HOST_API, type Manifest, type PackageFile } from "./manifest.ts";
import { withoutNotes } from "./schema-walk.ts";
import { type Command, workflowId, type WorkflowDefinition } from "./workflow.ts";

export interface FingerprintSource {
  workflows: readonly WorkflowDefinition[];
  env: readonly string[];
  files: readonly PackageFile[];
  /** `workflow/task` → the text of the task's function, as it stands in the bundle. */
  functions: ReadonlyMap<string, string>;
  /** The code of each source beside functions and definitions. */
  sources: Readonly<Record<string, Digest>>;
  /** By workflow: the code of its params' schema. */
  schemas: Readonly<Record<string, Digest>>;
  /** What Cascade has put there; null without a bundle. */
  sdk: string | null;
  /** What made the code: the bundler and the language level it was told to write. */
  toolchain: Readonly<Record<string, string>>;
}

/**
 * One digest per component, over RFC 8785 bytes. Descriptions are outside: they change nothing that runs. Nothing of the
 * machine that packs gets in, so the same source has the same fingerprint everywhere.
 */
export function fingerprintOf(source: FingerprintSource): Fingerprint {
  const { workflows, env, files, functions, sources, schemas, sdk, toolchain } = source;
  return {
    structure: structureDigest(workflows),
    policies: policiesDigest(workflows),
    triggers: triggersDigest(workflows),
    schema: schemaDigest(workflows, schemas),
    schemas,
    shared: digestOf(sources),
    sources,
    ...(sdk === null ? {} : { sdk: sha256(sdk) }),
    tasks: Object.fromEntries(
      workflows.flatMap((workflow) =>
        workflow.tasks.map((task) => {
          const id = workflowId(workflow.name, task.name);
          return [id, task.command === null ? sha256(functions.get(id) ?? "") : commandDigest(task.command)];
        }),
      ),
    ),
    assets: Object.fromEntries(
      files.filter((file) => file.path.startsWith(`${ASSETS_FOLDER}/`)).map((file) => [file.path, file.sha256]),
    ),
    environment: digestOf(env),
    runtime: digestOf({ hostApi: HOST_API, ...toolchain }),
  };
}

/**
 * The components of a manifest's fingerprint that are not what the rest of the manifest gives, by their place in it. What only
 * the code tells (`tasks` of functions, `sources`, `schemas`, `sdk`, `runtime`) is left out.
 */
export function wrongComponents({ fingerprint, workflows, env, files }: Manifest): (readonly string[])[] {
  const { schema, schemas, sources, shared } = fingerprint;
  const digests: (readonly [path: readonly string[], given: Digest | undefined, right: () => Digest])[] = [
    // The first packages have the schemas in their structure, none apart, and another kind of `shared`.
    [
      ["structure"],
      fingerprint.structure,
      () => (schema === undefined ? firstStructure(workflows) : structureDigest(workflows)),
    ],
    [["policies"], fingerprint.policies, () => policiesDigest(workflows)],
    [["triggers"], fingerprint.triggers, () => triggersDigest(workflows)],
    [["environment"], fingerprint.environment, () => digestOf(env)],
    ...(schema !== undefined && schemas !== undefined
      ? [[["schema"], schema, () => schemaDigest(workflows, schemas)] as const]
      : []),
    ...(sources === undefined ? [] : [[["shared"], shared, () => digestOf(sources)] as const]),
    ...workflows.flatMap(({ name, tasks }) =>
      tasks.flatMap((task) => {
        const { command } = task;
        if (command === null) return [];
        const id = workflowId(name, task.name);
        return [[["tasks", id], fingerprint.tasks[id], () => commandDigest(command)] as const];
      }),
    ),
    ...files
      .filter(({ path }) => path.startsWith(`${ASSETS_FOLDER}/`))
      .map(({ path, sha256: right }) => [["assets", path], fingerprint.assets[path], () => right] as const),
  ];
  return digests.filter(([, given, right]) => given !== right()).map(([path]) => path);
}

function structureDigest(workflows: readonly WorkflowDefinition[]): Digest {
  return digestOf(
    workflows.map(({ name, tasks }) => ({
      name,
      tasks: tasks.map((task) => ({ name: task.name, after: task.after })),
    })),
  );
}

function firstStructure(workflows: readonly WorkflowDefinition[]): Digest {
  return digestOf(
    workflows.map(({ name, params, tasks }) => ({
      name,
      params,
      tasks: tasks.map((task) => ({ name: task.name, after: task.after })),
    })),
  );
}

function policiesDigest(workflows: readonly WorkflowDefinition[]): Digest {
  return digestOf(
    workflows.map(({ name, timeoutMs, concurrency, record, logStart, tasks }) => ({
      name,
      timeoutMs,
      concurrency,
      ...(record ? { record } : {}),
      ...(logStart ? { logStart } : {}),
      tasks: tasks.map(({ name, retry, timeoutMs, concurrency, isolation, onInterrupted, effects }) => ({
        name,
        retry,
        timeoutMs,
        concurrency,
        isolation,
        onInterrupted,
        ...(effects ? { effects } : {}),
      })),
    })),
  );
}

function triggersDigest(workflows: readonly WorkflowDefinition[]): Digest {
  return digestOf(workflows.map(({ name, schedules }) => ({ name, schedules })));
}

function schemaDigest(workflows: readonly WorkflowDefinition[], schemas: Readonly<Record<string, Digest>>): Digest {
  return digestOf({
    schemas,
    workflows: workflows.map(({ name, params }) => ({ name, params: withoutNotes(params) })),
  });
}

function commandDigest(command: Command): Digest {
  return digestOf(command);
}

function digestOf(value: unknown): Digest {
  return sha256(canonicalBytes(value));
}
