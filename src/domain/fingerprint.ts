import { canonicalBytes } from "../kernel/canonical-json.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { ASSETS_FOLDER, type Fingerprint, HOST_API, type PackageFile } from "./manifest.ts";
import { workflowId, type WorkflowDefinition } from "./workflow.ts";

export interface FingerprintSource {
  workflows: readonly WorkflowDefinition[];
  env: readonly string[];
  files: readonly PackageFile[];
  /** The bundle's code; empty when there is none. */
  code: string;
  /** `workflow/task` → the text of the task's function, as it stands in the bundle. */
  functions: ReadonlyMap<string, string>;
  /** What made the code: the bundler and the language level it was told to write. */
  toolchain: Readonly<Record<string, string>>;
}

/**
 * One digest per component, over RFC 8785 bytes. Descriptions are outside: they change nothing that runs. Nothing of the
 * machine that packs gets in, so the same source has the same fingerprint everywhere.
 */
export function fingerprintOf(source: FingerprintSource): Fingerprint {
  const { workflows, env, files, code, functions, toolchain } = source;
  return {
    structure: digestOf(
      workflows.map(({ name, params, tasks }) => ({
        name,
        params,
        tasks: tasks.map((task) => ({ name: task.name, after: task.after })),
      })),
    ),
    policies: digestOf(
      workflows.map(({ name, timeoutMs, concurrency, tasks }) => ({
        name,
        timeoutMs,
        concurrency,
        tasks: tasks.map(({ name, retry, timeoutMs, concurrency, isolation, onInterrupted }) => ({
          name,
          retry,
          timeoutMs,
          concurrency,
          isolation,
          onInterrupted,
        })),
      })),
    ),
    triggers: digestOf(workflows.map(({ name, schedules }) => ({ name, schedules }))),
    shared: sha256(withoutFunctions(code, functions)),
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

/** The code with each task's function taken out, longest first: a function may hold the text of a shorter one. */
function withoutFunctions(code: string, functions: ReadonlyMap<string, string>): string {
  const texts = [...new Set(functions.values())].sort((a, b) => b.length - a.length || (a < b ? -1 : 1));
  let rest = code;
  for (const text of texts) if (text !== "") rest = rest.replaceAll(text, () => "");
  return rest;
}
