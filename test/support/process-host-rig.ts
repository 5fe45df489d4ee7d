import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createCgroups } from "../../src/adapters/process/cgroups.ts";
import { createProcessHost, type ProcessHost } from "../../src/adapters/process/process-host.ts";
import { killStrays } from "../../src/adapters/process/strays.ts";
import type { ProcessLimits } from "../../src/adapters/process/limits.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import type { LogFields, Logger } from "../../src/kernel/logger.ts";
import type { AttemptSpec } from "../../src/ports/task-host.ts";
import { type AttemptHandle, attemptSpec, executeIn } from "./attempts.ts";
import { childEntry } from "./child-entry.ts";
import { realClock } from "./real-clock.ts";
import { createMemoryArtifacts, createMemoryLogs } from "./memory-sinks.ts";

let lastBoot = 0;

export interface ProcessHostRig {
  host: ProcessHost;
  logs: ReturnType<typeof createMemoryLogs>;
  artifacts: ReturnType<typeof createMemoryArtifacts>;
  logged: { level: string; fields: LogFields; message: string }[];
  workRoot: string;
  run(change?: Partial<AttemptSpec>): AttemptHandle;
  /** Stops the host, kills what has left its groups, removes its folders. */
  close(): Promise<void>;
}

export interface RigOptions {
  limits?: Partial<ProcessLimits>;
  concurrency?: number;
  environment?: Record<string, string | undefined>;
  nodePath?: string;
  /** With control groups, where they can be had. Default: without. */
  cgroups?: boolean;
}

/** A process host over the folders of `test/fixtures/hosts`, which stand for unpacked packages: their names are the digests. */
export function createProcessHostRig(options: RigOptions = {}): ProcessHostRig {
  const folder = mkdtempSync(join(tmpdir(), "cascade-hosts-"));
  const workRoot = join(folder, "work");
  const logs = createMemoryLogs();
  const artifacts = createMemoryArtifacts();
  const logged: ProcessHostRig["logged"] = [];
  const at = (level: string) => (fields: LogFields, message: string) => void logged.push({ level, fields, message });
  const logger: Logger = {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: () => logger,
  };
  const bootId = `boot${process.pid}x${++lastBoot}`;
  const cgroups = options.cgroups ? createCgroups({ bootId, clock: realClock, logger }) : undefined;
  const host = createProcessHost({
    cgroups,
    nodePath: options.nodePath ?? process.execPath,
    childEntry: childEntry(),
    packageDir: (digest) => resolve(import.meta.dirname, "../fixtures/hosts", digest),
    workRoot,
    logSink: logs,
    artifacts,
    artifactPath: (digest) => join(folder, digest),
    clock: realClock,
    logger,
    concurrency: options.concurrency ?? 2,
    bootId,
    environment: { PATH: process.env["PATH"], LANG: "C.UTF-8", USER: "tester", ...options.environment },
    umask: 0o022,
    limits: { graceMs: 300, ...options.limits },
    crashPoint: noCrashPoint,
  });
  return {
    host,
    logs,
    artifacts,
    logged,
    workRoot,
    run: (change) => executeIn(host, attemptSpec(change)),
    async close() {
      await host.stop(200);
      await cgroups?.close();
      await killStrays([bootId]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
