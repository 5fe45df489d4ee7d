import { dirname } from "node:path";
import type { RetentionLimits } from "../engine/retention.ts";
import { isJsonObject } from "../kernel/json.ts";
import type { LogLevel } from "../kernel/logger.ts";
import { nearestName } from "../kernel/nearest.ts";
import { type Problem, problem } from "../kernel/errors.ts";
import {
  type ConfigFacts,
  type ConfigKey,
  type ConfigValues,
  configKeyNames,
  configKeys,
  variableOf,
} from "./config-keys.ts";
import type { PathBase, Reading } from "./config-values.ts";
import { readToml } from "./toml-file.ts";

/** What the daemon runs with. Spans are milliseconds, sizes bytes, folders absolute. */
export interface Config {
  watch: readonly string[];
  scanIntervalMs: number;
  concurrency: number;
  drainMs: number;
  timezone: string;
  allowUnsafe: boolean;
  /** The trust policy's file. */
  trust: string;
  log: { level: LogLevel; dir: string; maxSizeBytes: number; keep: number };
  retention: RetentionLimits;
  task: { timeoutMs: number; outputMaxBytes: number; logMaxBytes: number };
  /** The name of a transparency log that is opened; null names it by its key. */
  tlog: { origin: string | null };
}

/** Which source gave a value, and its place there: `--watch`, `CASCADE_DRAIN`, `/etc/cascade/cascade.toml:4`, `default`. */
export interface Origin {
  source: "flag" | "environment" | "file" | "default";
  place: string;
}

export interface ConfigInput {
  /** Folders given with `--watch`. */
  flags: { watch: readonly string[] };
  environment: Readonly<Record<string, string | undefined>>;
  /** Null when there is no configuration file. */
  file: { path: string; text: string } | null;
  /** Base of relative folders in flags and environment. */
  workingDir: string;
  home: string;
  facts: ConfigFacts;
}

export interface ResolvedConfig {
  values: ConfigValues;
  origins: Readonly<Record<ConfigKey, Origin>>;
  /** What the file alone says, also where a flag or a variable wins. */
  fileValues: Partial<ConfigValues>;
}

/**
 * Flag over `CASCADE_*` over file over default, key by key; `--watch` adds to the folders of the others.
 * Every problem is collected as `CONFIG_INVALID` with its place; a value with a problem falls back to the next source.
 */
export function resolveConfig(input: ConfigInput): { resolved: ResolvedConfig; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const file = input.file ? readConfigFile(input.file, problems) : new Map<string, FileEntry>();
  const fileBase: PathBase = { folder: dirname(input.file?.path ?? input.workingDir), home: input.home };
  const ownBase: PathBase = { folder: input.workingDir, home: input.home };
  const values: Record<string, unknown> = {};
  const fileValues: Record<string, unknown> = {};
  const origins = {} as Record<ConfigKey, Origin>;

  const unread = new Set<ConfigKey>();
  const reader = (name: ConfigKey) => (written: unknown, base: PathBase, place: string) => {
    const reading: Reading<unknown> = configKeys[name].kind.read(written, base);
    if ("value" in reading) return reading;
    unread.add(name);
    problems.push(
      problem("CONFIG_INVALID", place, `${name} = ${JSON.stringify(written)}: ${reading.wrong}`, reading.hint),
    );
    return undefined;
  };
  for (const name of configKeyNames) {
    const read = reader(name);
    values[name] = configKeys[name].default(input.facts);
    origins[name] = { source: "default", place: "default" };
    const entry = file.get(name);
    const fromFile = entry && read(entry.value, fileBase, entry.place);
    if (entry && fromFile) {
      values[name] = fileValues[name] = fromFile.value;
      origins[name] = { source: "file", place: entry.place };
    }
    const variable = variableOf(name);
    const text = input.environment[variable];
    // An empty variable counts as unset, as it does for XDG folders: `CASCADE_DRAIN= cascade daemon` takes one away.
    const fromText = text ? read(configKeys[name].kind.fromText(text), ownBase, variable) : undefined;
    if (fromText) {
      values[name] = fromText.value;
      origins[name] = { source: "environment", place: variable };
    }
  }
  addWatchFlags(input.flags.watch, reader("watch"), ownBase, values, origins);
  if ((values["watch"] as readonly string[]).length === 0) values["watch"] = configKeys.watch.default(input.facts);
  if (!unread.has("proof.signer") && !unread.has("proof.public_key")) problems.push(...halfSigner(values, origins));
  return {
    resolved: { values: values as unknown as ConfigValues, origins, fileValues: fileValues },
    problems,
  };
}

/** Who signs and with which key are one decision. */
function halfSigner(values: Record<string, unknown>, origins: Readonly<Record<ConfigKey, Origin>>): Problem[] {
  const [signer, key] = [values["proof.signer"], values["proof.public_key"]];
  if ((signer === "") === (key === "")) return [];
  const [given, missing] =
    key === "" ? (["proof.signer", "proof.public_key"] as const) : (["proof.public_key", "proof.signer"] as const);
  const hint =
    key === ""
      ? 'Write public_key = "FILE" in [proof]: runs end, and proofs wait, while the signer is away.'
      : 'Write signer = "exec:COMMAND" or "ssh-agent" in [proof], or remove public_key.';
  return [problem("CONFIG_INVALID", origins[given].place, `${given} is set without ${missing}`, hint)];
}

function addWatchFlags(
  flags: readonly string[],
  read: (written: unknown, base: PathBase, place: string) => { value: unknown } | undefined,
  base: PathBase,
  values: Record<string, unknown>,
  origins: Record<ConfigKey, Origin>,
): void {
  const given = flags.length > 0 ? read(flags, base, "--watch") : undefined;
  if (!given) return;
  const others = origins.watch.source === "default" ? [] : (values["watch"] as readonly string[]);
  values["watch"] = [...new Set([...others, ...(given.value as readonly string[])])];
  origins.watch = { source: "flag", place: others.length > 0 ? `${origins.watch.place}, --watch` : "--watch" };
}

interface FileEntry {
  value: unknown;
  place: string;
}

function readConfigFile(file: { path: string; text: string }, problems: Problem[]): Map<string, FileEntry> {
  const entries = new Map<string, FileEntry>();
  const toml = readToml(file.text);
  if ("wrong" in toml) {
    problems.push(
      problem("CONFIG_INVALID", `${file.path}:${toml.line}`, toml.wrong, "Correct the TOML at this place."),
    );
    return entries;
  }
  const placeOf = (name: string) => {
    const line = toml.lines.get(name);
    return line === undefined ? file.path : `${file.path}:${line}`;
  };
  const tables = new Set(configKeyNames.filter((name) => name.includes(".")).map((name) => name.split(".")[0]!));
  const visit = (table: Record<string, unknown>, prefix: string) => {
    for (const [written, value] of Object.entries(table)) {
      const name = prefix + written;
      if (Object.hasOwn(configKeys, name)) entries.set(name, { value, place: placeOf(name) });
      else if (prefix === "" && tables.has(name) && isJsonObject(value)) visit(value, `${name}.`);
      else problems.push(unknownKey(name, value, placeOf(name), tables));
    }
  };
  visit(toml.table, "");
  return entries;
}

function unknownKey(name: string, value: unknown, place: string, tables: ReadonlySet<string>): Problem {
  if (tables.has(name))
    return problem("CONFIG_INVALID", place, `${name} is a table`, `Write [${name}] and its keys below it.`);
  // A key may be right but in the wrong table: `keep` at the top, `log.drain` for `drain`.
  const last = name.split(".").at(-1)!;
  const nearest =
    (isJsonObject(value) ? nearestName(name, tables) : undefined) ??
    configKeyNames.find((known) => known.split(".").at(-1) === last) ??
    nearestName(name, configKeyNames) ??
    nearestName(last, configKeyNames);
  if (nearest !== undefined && tables.has(nearest)) {
    return problem("CONFIG_INVALID", place, `there is no table ${name}`, `Did you mean [${nearest}]?`);
  }
  const [table, inner] = nearest?.includes(".") ? (nearest.split(".") as [string, string]) : [undefined, nearest];
  const hint =
    nearest === undefined
      ? "Remove the key; docs/configuration.md lists all of them."
      : `Did you mean ${inner}${table === undefined ? "" : ` in [${table}]`}?`;
  return problem("CONFIG_INVALID", place, `there is no key ${name}`, hint);
}

/** The values under the names that code uses. */
export function configFrom(values: ConfigValues): Config {
  return {
    watch: values.watch,
    scanIntervalMs: values.scan_interval,
    concurrency: values.concurrency,
    drainMs: values.drain,
    timezone: values.timezone,
    allowUnsafe: values.allow_unsafe,
    trust: values.trust,
    log: {
      level: values["log.level"],
      dir: values["log.dir"],
      maxSizeBytes: values["log.max_size"],
      keep: values["log.keep"],
    },
    retention: {
      runsMs: values["retention.runs"],
      runCount: values["retention.run_count"],
      logsMs: values["retention.logs"],
      logSizeBytes: values["retention.log_size"],
      storeMs: values["retention.store"],
      packProofsMs: values["retention.pack_proofs"],
      proofsMs: values["retention.proofs"],
    },
    task: {
      timeoutMs: values["task.timeout"],
      outputMaxBytes: values["task.output_max"],
      logMaxBytes: values["task.log_max"],
    },
    tlog: { origin: values["tlog.origin"] || null },
  };
}
