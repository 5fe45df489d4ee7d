import { appendFileSync } from "node:fs";
import { createProcessHost } from "../../src/adapters/process/process-host.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { AttemptSpec } from "../../src/ports/task-host.ts";
import { createMemoryArtifacts, createMemoryLogs } from "./memory-sinks.ts";
import { realClock } from "./real-clock.ts";

/**
 * A program of its own, to be killed: a process host that starts the attempts it is told of in its one argument,
 * `{childEntry, fixtures, workRoot, bootId, started, specs}`, and appends a line to the file `started` for each.
 */
const told = JSON.parse(process.argv[2] ?? "") as {
  childEntry: string;
  fixtures: string;
  workRoot: string;
  bootId: string;
  started: string;
  specs: AttemptSpec[];
};

const host = createProcessHost({
  nodePath: process.execPath,
  childEntry: told.childEntry,
  packageDir: (digest) => `${told.fixtures}/${digest}`,
  workRoot: told.workRoot,
  logSink: createMemoryLogs(),
  artifacts: createMemoryArtifacts(),
  artifactPath: (digest) => digest,
  clock: realClock,
  logger: silentLogger,
  concurrency: told.specs.length,
  bootId: told.bootId,
  environment: { PATH: process.env["PATH"] },
  umask: 0o022,
  crashPoint: noCrashPoint,
});
for (const spec of told.specs) {
  host.execute(spec, {
    started: () => appendFileSync(told.started, `${spec.task}\n`),
    ended: (result) => appendFileSync(told.started, `ended ${spec.task} ${JSON.stringify(result)}\n`),
    givenBack: () => appendFileSync(told.started, `given back ${spec.task}\n`),
  });
}
setInterval(() => undefined, 60_000);
