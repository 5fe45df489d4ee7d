import type { LogLevel } from "../kernel/logger.ts";
import {
  countKind,
  durationKind,
  flagKind,
  foldersKind,
  hostNameKind,
  logLevelKind,
  optionalFileKind,
  optionalSignerKind,
  pathKind,
  sizeKind,
  spanKind,
  timezoneKind,
  type ValueKind,
} from "./config-values.ts";

/** What the defaults depend on. */
export interface ConfigFacts {
  /** Processors this process may use. */
  processors: number;
  /** The host's IANA time zone. */
  timezone: string;
  /** Watched when neither file, environment nor flag names a folder. */
  packagesDir: string;
  /** Where the daemon's own log goes unless `log.dir` says otherwise. */
  logsDir: string;
  /** The trust policy unless `trust` names another: beside the configuration file. */
  trustFile: string;
}

interface KeySpec<Value> {
  kind: ValueKind<Value>;
  default: (facts: ConfigFacts) => Value;
  /** Whether a reload applies a changed value; the others take a restart. */
  reload: boolean;
}

function key<Value>(kind: ValueKind<Value>, reload: boolean, byDefault: (facts: ConfigFacts) => Value): KeySpec<Value> {
  return { kind, reload, default: byDefault };
}

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
const MB = 1_000_000;
const GB = 1_000 * MB;

/** Every key of `cascade.toml`, by its full name; `docs/configuration.md` describes the same ones. */
export const configKeys = {
  watch: key<readonly string[]>(foldersKind(), true, (facts) => [facts.packagesDir]),
  scan_interval: key<number>(durationKind(100, HOUR), false, () => 5 * SECOND),
  concurrency: key<number>(countKind(1, 1_000), true, (facts) => 2 * facts.processors),
  drain: key<number>(durationKind(0, HOUR), true, () => 30 * SECOND),
  timezone: key<string>(timezoneKind(), false, (facts) => facts.timezone),
  allow_unsafe: key<boolean>(flagKind(), false, () => false),
  trust: key<string>(pathKind("a file", "/etc/cascade/trust.toml"), true, (facts) => facts.trustFile),
  "log.level": key<LogLevel>(logLevelKind(), true, () => "info"),
  "log.dir": key<string>(pathKind("a folder", "/var/log/cascade"), false, (facts) => facts.logsDir),
  "log.max_size": key<number>(sizeKind(10_000, 10 * GB), false, () => 20 * MB),
  "log.keep": key<number>(countKind(1, 1_000), false, () => 14),
  "retention.runs": key<number>(durationKind(60 * SECOND, 3_650 * DAY), true, () => 90 * DAY),
  "retention.run_count": key<number>(countKind(1, 100_000_000), true, () => 200_000),
  "retention.logs": key<number>(durationKind(60 * SECOND, 3_650 * DAY), true, () => 14 * DAY),
  "retention.log_size": key<number>(sizeKind(MB, 10_000 * GB), true, () => 2 * GB),
  "retention.store": key<number>(durationKind(0, 3_650 * DAY), true, () => 7 * DAY),
  "retention.proofs": key<number>(spanKind(DAY, 3_650 * DAY), true, () => Infinity),
  "retention.pack_proofs": key<number>(durationKind(HOUR, 3_650 * DAY), true, () => 7 * DAY),
  "tlog.origin": key<string>(hostNameKind(), false, () => ""),
  "tlog.anchors": key<string>(optionalFileKind("/etc/cascade/anchors.toml"), false, () => ""),
  "proof.signer": key<string>(optionalSignerKind(), false, () => ""),
  "proof.public_key": key<string>(optionalFileKind("/etc/cascade/proof.pub.pem"), false, () => ""),
  "task.timeout": key<number>(durationKind(SECOND, 365 * DAY), false, () => DAY),
  "task.output_max": key<number>(sizeKind(1_000, GB), false, () => 16 * MB),
  "task.log_max": key<number>(sizeKind(10_000, 10 * GB), false, () => 10 * MB),
} as const;

export type ConfigKey = keyof typeof configKeys;
export type ConfigValues = {
  [Key in ConfigKey]: (typeof configKeys)[Key] extends KeySpec<infer Value> ? Value : never;
};

export const configKeyNames = Object.keys(configKeys) as ConfigKey[];

/** The environment variable of a key: `log.max_size` → `CASCADE_LOG_MAX_SIZE`. */
export function variableOf(name: ConfigKey): string {
  return `CASCADE_${name.replaceAll(".", "_").toUpperCase()}`;
}

/** A value as it is written in TOML. */
export function writtenValue<Key extends ConfigKey>(name: Key, value: ConfigValues[Key]): string {
  const { kind } = configKeys[name] as unknown as KeySpec<ConfigValues[Key]>;
  return kind.write(value);
}
