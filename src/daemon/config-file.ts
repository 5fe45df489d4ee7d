import { existsSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { TrustPolicy } from "../domain/trust-policy.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import { type ConfigInput, resolveConfig, type ResolvedConfig } from "./config.ts";
import { type ConfigFacts, type ConfigKey, configKeyNames, configKeys, writtenValue } from "./config-keys.ts";
import { type AnchorPlan, readAnchorsFile } from "./anchors-file.ts";
import type { DataFolder } from "./data-folder.ts";
import { hostTimezone } from "./host-timezone.ts";
import { type ExternalSigner, readExternalSigner } from "./proof-signer.ts";
import { loadTrust, TRUST_FILE } from "./trust-file.ts";

export const CONFIG_FILE = "cascade.toml";

export interface Surroundings {
  environment: Readonly<Record<string, string | undefined>>;
  workingDir: string;
  home: string;
}

/**
 * The path of the configuration file: `--config`, else in `$CONFIGURATION_DIRECTORY` (set by systemd), else in
 * `$XDG_CONFIG_HOME/cascade`, which is `~/.config/cascade` by default. Only the first has to exist.
 */
export function configFilePath(flag: string | undefined, around: Surroundings): { path: string; required: boolean } {
  if (flag !== undefined) return { path: resolve(around.workingDir, flag), required: true };
  const folder =
    around.environment["CONFIGURATION_DIRECTORY"]?.split(":")[0] ||
    join(around.environment["XDG_CONFIG_HOME"] || join(around.home, ".config"), "cascade");
  return { path: join(folder, CONFIG_FILE), required: false };
}

/** All facts but the one that follows from the place of the configuration file. */
export type HostFacts = Omit<ConfigFacts, "trustFile">;

/** The facts of this host. Under systemd the log goes to `$LOGS_DIRECTORY`. */
export function hostFacts(data: DataFolder, environment: Surroundings["environment"]): HostFacts {
  return {
    // Not os.cpus(): it reads /proc/stat, which the service's sandbox hides.
    processors: availableParallelism(),
    timezone: hostTimezone(environment),
    packagesDir: data.packages,
    logsDir: environment["LOGS_DIRECTORY"]?.split(":")[0] || data.logs,
  };
}

/** What is read anew at start and at each reload. */
export interface ConfigSource extends Surroundings {
  flags: { watch: readonly string[]; config?: string | undefined };
  facts: HostFacts;
  /** Of whoever reads: beside root the only user who may own the trust policy. */
  uid: number;
}

export interface FoundConfig extends ResolvedConfig {
  /** The file that was looked for, and whether it was there. */
  file: { path: string; exists: boolean };
}

export interface LoadedConfig extends FoundConfig {
  /** Null without one. */
  trust: TrustPolicy | null;
  /** Of the file that `tlog.anchors` names. */
  anchors: readonly AnchorPlan[];
  /** Null when the key that signs proofs is in the data folder. */
  signer: ExternalSigner | null;
}

/**
 * Reads and checks everything, the trust policy too. Throws `CONFIG_UNREADABLE`, `CONFIG_INVALID` or `TRUST_INVALID` with every
 * problem, `TRUST_UNSAFE`, or `KEY_UNREADABLE`.
 */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const found = findConfig(source);
  const trust = trustOf(found, source);
  const path = found.values["tlog.anchors"];
  const anchors = path === "" ? [] : readAnchorsFile({ path, home: source.home, purpose: "show" });
  return { ...found, trust, anchors, signer: readExternalSigner(found.values) };
}

/** The trust policy of a configuration, null without one. Throws as `loadTrust` does. */
export function trustOf({ values, origins }: ResolvedConfig, { uid, home }: Pick<ConfigSource, "uid" | "home">) {
  const required = origins.trust.source !== "default";
  return loadTrust({ path: values.trust, required, watch: values.watch, uid, home });
}

/** Reads and checks `cascade.toml` alone. */
export function findConfig(source: Omit<ConfigSource, "uid">): FoundConfig {
  const { path, required } = configFilePath(source.flags.config, source);
  const text = readConfigText(path, required);
  const facts = { ...source.facts, trustFile: join(dirname(path), TRUST_FILE) };
  const input: ConfigInput = { ...source, facts, file: text === null ? null : { path, text } };
  const { resolved, problems } = resolveConfig(input);
  if (problems.length > 0) {
    const count = problems.length === 1 ? "a problem" : `${problems.length} problems`;
    const first = problems[0]!;
    throw new CascadeError("CONFIG_INVALID", `the configuration has ${count}: ${first.place}: ${first.message}`, {
      problems,
      hint: first.hint,
    });
  }
  return { ...resolved, file: { path, exists: text !== null } };
}

function readConfigText(path: string, required: boolean): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const code = systemErrorCode(error);
    if (code === "ENOENT" && !required) return null;
    throw new CascadeError("CONFIG_UNREADABLE", `cannot read ${path} (${code ?? String(error)})`, {
      cause: error,
      ...(existsSync(path) ? {} : { hint: "Create the file, or name another one with --config." }),
    });
  }
}

/** One row of `cascade config show`. */
export interface ConfigRow {
  key: ConfigKey;
  /** As it is written in TOML. */
  value: string;
  origin: string;
  reload: boolean;
}

export function configRows({ values, origins }: ResolvedConfig): ConfigRow[] {
  return configKeyNames.map((key) => ({
    key,
    value: writtenValue(key, values[key]),
    origin: origins[key].place,
    reload: configKeys[key].reload,
  }));
}
