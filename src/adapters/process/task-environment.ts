import type { AttemptSpec } from "../../ports/task-host.ts";
import { isJsonObject } from "../../kernel/json.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

/** The names every task gets from the daemon's environment, as far as they are set. */
const COMMON = ["PATH", "LANG", "TZ", "USER"] as const;
/** Where Debian's programs are; a daemon without a PATH still runs commands. */
const DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin";

/** Bears `<boot id>:<number>` in every process that a task host starts, so that strays can be told apart later. */
export const HOST_MARKER = "CASCADE_HOST";

/** What the processes of a package are started with; `HOME` and `TMPDIR` come with the work folder. */
export function hostEnvironment(
  daemon: Environment,
  hostName: string,
  declared: readonly string[],
): Record<string, string> {
  const environment: Record<string, string> = {};
  for (const name of [...declared, ...COMMON]) {
    const value = valueOf(daemon, name);
    if (value !== undefined) environment[name] = value;
  }
  environment["PATH"] ??= DEFAULT_PATH;
  environment[HOST_MARKER] = hostName;
  return environment;
}

/** Names that a package declares and the daemon does not have. */
export function missingNames(daemon: Environment, declared: readonly string[]): readonly string[] {
  return declared.filter((name) => valueOf(daemon, name) === undefined);
}

/** `toString` is not a variable of every environment. */
function valueOf(environment: Environment, name: string): string | undefined {
  return Object.hasOwn(environment, name) ? environment[name] : undefined;
}

export interface CommandPlaces {
  workDir: string;
  assets: string;
  inputFile: string;
  outputFile: string;
}

/** What a command gets beside the host's environment. The literals of its definition come first, so that ours cannot be hidden. */
export function commandEnvironment(spec: AttemptSpec, places: CommandPlaces): Record<string, string> {
  return {
    ...spec.command?.env,
    ...scalarParams(spec.params),
    HOME: places.workDir,
    TMPDIR: places.workDir,
    CASCADE_RUN_ID: spec.runId,
    CASCADE_TASK: spec.task,
    CASCADE_ATTEMPT: String(spec.number),
    CASCADE_PLANNED_AT: new Date(spec.plannedAt).toISOString(),
    CASCADE_IDEMPOTENCY_KEY: spec.idempotencyKey,
    CASCADE_ASSETS: places.assets,
    CASCADE_INPUT: places.inputFile,
    CASCADE_OUTPUT: places.outputFile,
  };
}

/** `CASCADE_PARAM_<NAME>`: upper case, anything but letters and digits as `_`. A text with a NUL has no such form. */
function scalarParams(params: string): Record<string, string> {
  const value: unknown = JSON.parse(params);
  if (!isJsonObject(value)) return {};
  const environment: Record<string, string> = {};
  for (const [name, param] of Object.entries(value)) {
    if (typeof param !== "string" && typeof param !== "number" && typeof param !== "boolean") continue;
    const text = String(param);
    if (text.includes("\0")) continue;
    environment[`CASCADE_PARAM_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`] = text;
  }
  return environment;
}
