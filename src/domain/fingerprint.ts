import { canonicalBytes } from "../kernel/canonical-json.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { ASSETS_FOLDER, type Fingerprint, HOST_API, type PackageFile } from "./manifest.ts";
import { withoutNotes } from "./schema-walk.ts";
import { workflowId, type WorkflowDefinition } from "./workflow.ts";

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
    structure: digestOf(
      workflows.map(({ name, tasks }) => ({
        name,
        tasks: tasks.map((task) => ({ name: task.name, after: task.after })),
      })),
    ),
    policies: digestOf(
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
    ),
    triggers: digestOf(workflows.map(({ name, schedules }) => ({ name, schedules }))),
    schema: digestOf({
      schemas,
      workflows: workflows.map(({ name, params }) => ({ name, params: withoutNotes(params) })),
    }),
    schemas,
    shared: digestOf(sources),
    sources,
    ...(sdk === null ? {} : { sdk: sha256(sdk) }),
    tasks: Object.fromEntries(
      workflows.flatMap((workflow) =>
        workflow.tasks.map((task) => {
          const id = workflowId(workflow.name, task.name);
          return [id, task.command === null ? sha256(functions.get(id) ?? "") : digestOf(task.command)];
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

function digestOf(value: unknown): Digest {
  return sha256(canonicalBytes(value));
}
