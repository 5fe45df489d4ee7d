import type { PolicyInForce } from "../domain/policy-statement.ts";
import type { TrustPolicy } from "../domain/trust-policy.ts";
import type { Logger } from "../kernel/logger.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import { CascadeError, type ErrorView, errorView, toCascadeError } from "../kernel/errors.ts";
import { type Config, configFrom, type ResolvedConfig } from "./config.ts";
import { type ConfigDiff, diffConfig } from "./config-diff.ts";
import { type ConfigSource, loadConfig, type LoadedConfig } from "./config-file.ts";

export interface ReloadReport {
  generation: number;
  changed: readonly string[];
  needRestart: readonly string[];
}

export interface Reloader {
  /** What the daemon runs with. */
  config(): Config;
  /** The trust policy in force; null without one. */
  trust(): TrustPolicy | null;
  /** 1 at the start, one more with each reload that was applied, and why the last one was not. */
  state(): { generation: number; error: ErrorView | null };
  /** Reads and checks everything, then applies it at one point; throws and leaves all as it was when something is wrong. */
  reload(): Promise<ReloadReport>;
}

export interface ReloadOptions {
  source: ConfigSource;
  started: LoadedConfig;
  logger: Logger;
  crashPoint: CrashPoint;
  /** Before anything is swapped: another trust policy is about to hold. When it rejects, all stays as it was. */
  announceTrust(next: TrustPolicy | null): Promise<void>;
  /** Puts the changed keys into effect. */
  apply(next: Config, diff: ConfigDiff): Promise<void>;
}

export function createReloader(options: ReloadOptions): Reloader {
  const { source, started, logger, crashPoint } = options;
  let running: ResolvedConfig = started;
  let trust = started.trust;
  let config = configFrom(started.values);
  let generation = 1;
  let error: ErrorView | null = null;
  let turn: Promise<unknown> = Promise.resolve();

  async function reloadNow(): Promise<ReloadReport> {
    try {
      const next = loadConfig(source);
      const diff = withTrust(diffConfig(running, next), trust, next.trust);
      expectPolicy(trust, next.trust, next.values.trust);
      crashPoint("reload-checked");
      if (next.trust?.digest !== trust?.digest) await options.announceTrust(next.trust);
      running = diff.running;
      trust = next.trust;
      config = configFrom(running.values);
      await options.apply(config, diff);
      generation++;
      error = null;
      return report(diff);
    } catch (failure) {
      error = errorView(failure);
      logger.error({ event: "config.refused", err: failure }, `the configuration was not reloaded: ${error.message}`);
      throw toCascadeError(failure);
    }
  }

  function report({ changed, needRestart, overridden }: ConfigDiff): ReloadReport {
    const written = changed.map(({ key, from, to }) => `${key}: ${from} → ${to}`);
    logger.info(
      { event: "config.reloaded", generation, changed: written },
      `configuration reloaded: ${written.join(", ") || "nothing changed"}`,
    );
    for (const { key, to } of needRestart) {
      logger.warn({ event: "config.need_restart", key, to }, `${key} takes effect after a restart`);
    }
    for (const { key, by } of overridden) {
      logger.warn(
        { event: "config.overridden", key, by },
        `${key} of the file has no effect: ${by} holds for the life of the process`,
      );
    }
    return { generation, changed: changed.map(({ key }) => key), needRestart: needRestart.map(({ key }) => key) };
  }

  return {
    config: () => config,
    trust: () => trust,
    state: () => ({ generation, error }),
    reload() {
      const result = turn.then(reloadNow);
      turn = result.catch(() => undefined);
      return result;
    },
  };
}

/** A policy ends by a file that says so, not by one that is gone: `TRUST_MISSING`. */
export function expectPolicy(held: PolicyInForce | null, next: TrustPolicy | null, path: string): void {
  if (held === null || next !== null) return;
  const message = `there is no ${path}, although a trust policy (${held.digest.slice(0, 12)} of ${held.uri}) is in force`;
  throw new CascadeError("TRUST_MISSING", message);
}

/** The policy may say something else although its file has kept its name. */
function withTrust(diff: ConfigDiff, from: TrustPolicy | null, to: TrustPolicy | null): ConfigDiff {
  if (from?.digest === to?.digest || diff.changed.some(({ key }) => key === "trust")) return diff;
  const shown = (policy: TrustPolicy | null) => (policy ? `policy ${policy.digest.slice(0, 12)}` : "no policy");
  return { ...diff, changed: [...diff.changed, { key: "trust", from: shown(from), to: shown(to) }] };
}
