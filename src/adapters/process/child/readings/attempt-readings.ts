import { AsyncLocalStorage } from "node:async_hooks";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { parseRecording, type Recording, RECORDING_TYPE } from "../../../../domain/recording.ts";
import { errorDigest } from "../../../../domain/statement.ts";
import { canonicalJson } from "../../../../kernel/canonical-json.ts";
import { sha256 } from "../../../../kernel/digest.ts";
import { type HostSettings, type ReadingsFrame, type RunFrame, readingsFile } from "../../protocol.ts";
import { HOST_MARKER } from "../../task-environment.ts";
import { clockPatches } from "./clock-patches.ts";
import { watchedEnvironment } from "./environment.ts";
import { filePatches } from "./file-patches.ts";
import { hiddenPatches } from "./hidden-patches.ts";
import { createOutsideCalls, type OutsideCalls } from "./outside-calls.ts";
import { applyPatches } from "./patches.ts";
import { createPlayer } from "./player.ts";
import { randomPatches } from "./random-patches.ts";
import { createRecorder } from "./recorder.ts";
import type { Readings, Session } from "./session.ts";

/** How an attempt ended, as the daemon will be told. */
export type ToldEnd = { kind: "output"; json: string } | { kind: "failure"; code: string; message: string };

/** The readings of one attempt, which are recorded or served from its begin to `end`. */
export interface AttemptReadings {
  /** Runs the author's code. What it starts is found by the async context, the host's own reading is not touched. */
  within<Result>(run: () => Result): Result;
  environment(environment: Record<string, string>): Record<string, string>;
  calls(signal: () => AbortSignal): OutsideCalls;
  /** Everything is in its place again. */
  end(): void;
  /** Leaves what was read or noticed in a file of the process's folder; its size. */
  leave(end: ToldEnd): number;
}

const sessions = new AsyncLocalStorage<Session>();
const current = () => sessions.getStore();
const outside = <Result>(run: () => Result): Result => sessions.exit(run);

/** Made once: a package may keep one of these from its first attempt on, and it works in each. */
const patches = [
  ...clockPatches(current),
  ...randomPatches(current),
  ...hiddenPatches(current, outside),
  ...filePatches(current),
];

export interface ReadingPlaces {
  settings: HostSettings;
  workDir: string;
  bundle: string;
  assets: string;
}

/** Begins before the package is imported, so that what it keeps of Node's functions is ours. */
export function beginReadings(frame: RunFrame, order: ReadingsFrame, places: ReadingPlaces): AttemptReadings {
  const { settings, workDir, bundle, assets } = places;
  const { readings, kept } = order.mode === "record" ? recording(frame, order, settings) : replay(order.recording);
  const roots = [workDir, dirname(bundle)];
  const own = new Set([...Object.values(frame.files), "/dev/null"]);
  const session: Session | undefined = readings && {
    ...readings,
    owns: (path) => own.has(path) || roots.some((root) => path === root || path.startsWith(`${root}/`)),
  };
  const remove = session ? applyPatches(patches) : () => undefined;
  return {
    within: (run) => (session ? sessions.run(session, run) : run()),
    environment: (environment) => (session ? watchedEnvironment(environment, HOST_MARKER, current) : environment),
    calls: (signal) => createOutsideCalls({ workDir, assets, signal }, session, outside),
    end() {
      remove();
      sessions.disable();
    },
    leave(end) {
      const bytes = Buffer.from(canonicalJson(kept(end)), "utf8");
      writeFileSync(join(settings.folder, readingsFile(frame.n)), bytes, { mode: 0o600, flag: "wx" });
      return bytes.length;
    },
  };
}

interface Kept {
  /** Undefined when nothing is watched. */
  readings: Readings | undefined;
  kept: (end: ToldEnd) => unknown;
}

function recording(frame: RunFrame, order: Extract<ReadingsFrame, { mode: "record" }>, settings: HostSettings): Kept {
  const { effects, codeDigest, packageDigest, inputDigest } = order;
  const recorder = createRecorder(effects, settings.recordingMax);
  // Now, while no task has changed anything.
  const place = placeOfProcess();
  const kept = (end: ToldEnd): Recording => ({
    type: RECORDING_TYPE,
    runId: frame.runId,
    workflow: frame.workflow,
    task: frame.task,
    attempt: frame.attempt,
    effects,
    packageDigest,
    codeDigest,
    inputDigest,
    outputDigest: end.kind === "output" ? sha256(end.json) : null,
    errorDigest: end.kind === "failure" ? errorDigest(end) : null,
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    ...place,
    ...recorder.kept(),
  });
  // What is never executed again is not watched.
  return { readings: effects === "external" ? undefined : recorder, kept };
}

function placeOfProcess(): Pick<Recording, "locale" | "timezone" | "environment"> {
  const { locale, timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const environment = Object.fromEntries(
    ["LANG", "PATH", "TZ", "USER"].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value.toWellFormed()]];
    }),
  );
  return { locale, timezone: timeZone, environment };
}

function replay(path: string): Kept {
  const found = parseRecording(readFileSync(path, "utf8"));
  if (!found) throw new Error("the recording cannot be read");
  const player = createPlayer(found);
  return { readings: player, kept: () => player.notes() };
}
