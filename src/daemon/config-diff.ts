import type { ResolvedConfig } from "./config.ts";
import { type ConfigKey, type ConfigValues, configKeyNames, configKeys, writtenValue } from "./config-keys.ts";

/** A key with its old and new value as TOML. */
export interface ConfigChange {
  key: ConfigKey;
  from: string;
  to: string;
}

export interface ConfigDiff {
  /** Applied by the reload. */
  changed: readonly ConfigChange[];
  /** Read, but in effect only after a restart. */
  needRestart: readonly ConfigChange[];
  /** Changed in the file without effect, because a flag or a variable holds for the life of the process; with its name. */
  overridden: readonly { key: ConfigKey; by: string }[];
  /** What the daemon runs with after the reload: keys that need a restart keep their old value. */
  running: ResolvedConfig;
}

/** Compares what the daemon runs with and what a reload has read. */
export function diffConfig(running: ResolvedConfig, next: ResolvedConfig): ConfigDiff {
  const changed: ConfigChange[] = [];
  const needRestart: ConfigChange[] = [];
  const overridden: { key: ConfigKey; by: string }[] = [];
  const kept: Partial<ConfigValues> = {};
  for (const key of configKeyNames) {
    const from = writtenValue(key, running.values[key]);
    const to = writtenValue(key, next.values[key]);
    if (from !== to) (configKeys[key].reload ? changed : needRestart).push({ key, from, to });
    else if (isOverridden(key, running, next)) overridden.push({ key, by: next.origins[key].place });
    if (!configKeys[key].reload) Object.assign(kept, { [key]: running.values[key] });
  }
  return { changed, needRestart, overridden, running: { ...next, values: { ...next.values, ...kept } } };
}

function isOverridden(key: ConfigKey, running: ResolvedConfig, next: ResolvedConfig): boolean {
  const { source } = next.origins[key];
  if (source !== "flag" && source !== "environment") return false;
  return writtenInFile(key, running) !== writtenInFile(key, next);
}

function writtenInFile(key: ConfigKey, { fileValues }: ResolvedConfig): string | undefined {
  const value = fileValues[key];
  return value === undefined ? undefined : writtenValue(key, value);
}
