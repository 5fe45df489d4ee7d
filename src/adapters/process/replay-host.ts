import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Recording } from "../../domain/recording.ts";
import type { Replayed, TaskEnd } from "../../domain/replay.ts";
import { invariant } from "../../kernel/assert.ts";
import { noCrashPoint } from "../../kernel/crash-points.ts";
import { type Digest, sha256 } from "../../kernel/digest.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { LogSink } from "../../ports/log-sink.ts";
import type { ReplayHost } from "../../ports/replay-host.ts";
import type { AttemptResult, AttemptSpec } from "../../ports/task-host.ts";
import type { ReplayNotes } from "./child/readings/player.ts";
import { networkNamespace } from "./network-namespace.ts";
import { createProcessHost, type ProcessHost, type ProcessHostOptions } from "./process-host.ts";

export interface ReplayHostOptions extends Pick<
  ProcessHostOptions,
  | "nodePath"
  | "childEntry"
  | "packageDir"
  | "artifactPath"
  | "clock"
  | "logger"
  | "bootId"
  | "cgroups"
  | "environment"
  | "umask"
  | "limits"
> {
  /** Where it makes the one folder that is written to. */
  tempFolder: string;
}

/** Whether there is a network namespace to be had is found out anew each time: a service's sandbox may change. */
export async function openReplayHost(options: ReplayHostOptions): Promise<ReplayHost> {
  const launcher = await networkNamespace();
  const folder = await mkdtemp(join(options.tempFolder, "cascade-replay-"));
  let current: ProcessHost | undefined;
  let breakOff = (): void => undefined;
  let closed = false;
  const brokenOffError = () => new CascadeError("DAEMON_DRAINING", "the replay was broken off");

  return {
    isolation: launcher ? "namespace" : "shims",
    async replay(spec, recording) {
      if (closed) throw brokenOffError();
      const artifacts = scratchArtifacts();
      const environment = replayEnvironment(recording, spec.env, options.environment);
      current = createProcessHost({
        ...options,
        launcher: launcher ?? [],
        environment,
        workRoot: folder,
        logSink: silentLogs,
        artifacts,
        concurrency: 1,
        crashPoint: noCrashPoint,
      });
      try {
        // A name that is not set here was read by nobody, or the recording tells that it was.
        const env = spec.env.filter((name) => environment[name] !== undefined);
        const brokenOff = new Promise<never>((_, reject) => {
          breakOff = () => reject(brokenOffError());
        });
        const result = await Promise.race([endOf(current, { ...spec, env, isolation: "fresh" }), brokenOff]);
        return await replayedOf(result, artifacts);
      } finally {
        await current.stop(0);
        current = undefined;
      }
    },
    async close() {
      closed = true;
      breakOff();
      await current?.stop(0);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** What the process was given then. Declared names are in no recording: they have the values of today. */
function replayEnvironment(
  { environment, timezone }: Recording,
  declared: readonly string[],
  today: ProcessHostOptions["environment"],
): Record<string, string | undefined> {
  const values = declared.map((name) => [name, Object.hasOwn(today, name) ? today[name] : undefined]);
  // A zone that was not in the environment is put there only where this machine has another one.
  const isZoneHere = today["TZ"] === undefined && Intl.DateTimeFormat().resolvedOptions().timeZone === timezone;
  const zone = isZoneHere ? {} : { TZ: timezone };
  return { ...(Object.fromEntries(values) as Record<string, string>), ...zone, ...environment };
}

function endOf(host: ProcessHost, spec: AttemptSpec): Promise<AttemptResult> {
  return new Promise((resolve, reject) => {
    host.execute(spec, {
      started: () => undefined,
      ended: resolve,
      givenBack: () => reject(new CascadeError("HOST_START_FAILED", "the replay's process took no attempt")),
    });
  });
}

async function replayedOf(result: AttemptResult, artifacts: ArtifactStore): Promise<Replayed> {
  const { output, failure, readings } = result;
  const textOf = async (digest: Digest) => (await artifacts.get(digest))!.toString("utf8");
  let end: TaskEnd;
  if (output) end = { kind: "output", json: output.kind === "inline" ? output.json : await textOf(output.digest) };
  else {
    invariant(failure, "an attempt without output has failed");
    end = { kind: "failure", code: failure.code, message: failure.message };
  }
  // A process that was killed has noticed nothing that it could tell.
  const notes = readings === null ? undefined : (JSON.parse(await textOf(readings)) as ReplayNotes);
  return { end, diverged: notes?.diverged ?? null, impure: notes?.impure ?? [] };
}

/** Gone with the replay. */
function scratchArtifacts(): ArtifactStore {
  const contents = new Map<Digest, Buffer>();
  return {
    async put(bytes) {
      const digest = sha256(bytes);
      contents.set(digest, Buffer.from(bytes));
      return { digest, size: bytes.length };
    },
    get: async (digest) => contents.get(digest),
    sweep: async () => 0,
  };
}

const silentLogs: LogSink = { open: () => ({ write: () => undefined, end: () => undefined }) };
