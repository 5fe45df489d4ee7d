import type { Digest } from "../../kernel/digest.ts";
import type { AttemptSpec, ReadingsOrder } from "../../ports/task-host.ts";
import { type LogLevel, logLevels } from "../../kernel/logger.ts";
import { readJsonText } from "../../kernel/json-text.ts";

/**
 * What daemon and task process say to each other: one JSON object per line.
 *
 * Descriptor 3 carries the frames below, in both directions. Descriptor 4 is the guard: the daemon writes the number of
 * an attempt it wants back, `5\n`, and a thread that no task can block answers `5 1\n` (it will never begin) or `5 0\n`
 * (it has begun); the end of the guard ends the process group. Attempts are numbered per process, from 1, in the order
 * in which they are sent, and they begin in that order.
 */
export const FRAME_DESCRIPTOR = 3;
export const GUARD_DESCRIPTOR = 4;

/** A line longer than this is not ours: outputs above 64 KiB travel as files, texts in pieces. */
export const FRAME_MAX = 1024 * 1024;
/** Texts of logs are cut into pieces of this many characters. */
export const TEXT_MAX = 64 * 1024;
/** Attempts that one process may hold at once, the running one included. */
export const HELD_MAX = 64;

/** Given to the task process as its only argument, in JSON. */
export interface HostSettings {
  /** `<boot id>:<number>`, also in `CASCADE_HOST`. */
  name: string;
  /** The private folder of this process; work folders and large outputs are made in it. */
  folder: string;
  umask: number;
  /** Larger outputs are refused. */
  outputMax: number;
  /** Larger outputs are handed over as a file. */
  inlineMax: number;
  /** Larger recordings are given up. */
  recordingMax: number;
  /** Resident bytes above which the process asks to be replaced. */
  rssMax: number;
  /** The folder of the control group that it enters before anything else; null where there is none. */
  cgroup: string | null;
}

/** `stop`: the daemon ends. */
export type AbortReason = "timeout" | "cancel" | "stop";

/** To the task process. `load` comes once, before the first `run`. */
export type DaemonFrame =
  | { t: "load"; bundle: string; assets: string }
  | {
      t: "run";
      n: number;
      runId: string;
      workflow: string;
      task: string;
      attempt: number;
      plannedAt: string;
      key: string;
      params: unknown;
      upstream: Record<string, unknown>;
      /** Upstream outputs to be read from files, by task. */
      files: Record<string, string>;
      readings?: ReadingsFrame;
    }
  | { t: "abort"; n: number; reason: AbortReason };

/** `packageDigest` is that of the code; `recording` is the path of a file. */
export type ReadingsFrame =
  (Extract<ReadingsOrder, { mode: "record" }> & { packageDigest: Digest }) | { mode: "replay"; recording: string };

export type RunFrame = Extract<DaemonFrame, { t: "run" }>;

/** From the task process. */
export type HostFrame =
  | { t: "ready" }
  /** Sent before the first line of the task's code. `folder` is the number of the work folder. */
  | { t: "start"; n: number; folder: number }
  | { t: "out"; n: number; stream: "stdout" | "stderr"; text: string }
  | { t: "log"; n: number; at: number; level: LogLevel; message: string; fields: string }
  /**
   * The end of an attempt: its output, or the size of the output that is in `outputFile(n)`. `marked` says that it wrote
   * to descriptor 1 or 2, and that its end marker follows there.
   */
  | SuccessFrame
  /** The size of what is in `readingsFile(n)`; sent before the end of the attempt. */
  | { t: "readings"; n: number; size: number }
  | { t: "file"; n: number; ms: number; marked: boolean; size: number }
  | { t: "fail"; n: number; ms: number; marked: boolean; code: FailCode; message: string; stack: string }
  /** Something that an attempt left behind showed itself after its end. */
  | { t: "late"; runId: string; task: string; attempt: number; message: string }
  /** Nothing that has not begun will begin in this process any more. */
  | { t: "retire"; reason: string };

export interface SuccessFrame {
  t: "ok";
  n: number;
  ms: number;
  marked: boolean;
  /** The output as JSON text; in the line it is the member `output`. */
  json: string;
}

export const failCodes = [
  "TASK_FAILED",
  "TASK_NOT_IN_BUNDLE",
  "TASK_PARAMS_REFUSED",
  "TASK_OUTPUT_INVALID",
  "TASK_OUTPUT_TOO_LARGE",
] as const;
export type FailCode = (typeof failCodes)[number];

/** The file name of the large output of attempt `n`, in the folder of the process. */
export function outputFile(n: number): string {
  return `output-${n}.json`;
}

/** The file name of the recording of attempt `n`, or of what was noticed in its replay. */
export function readingsFile(n: number): string {
  return `readings-${n}.json`;
}

/** Written to descriptor 1, which is the same pipe as 2, after attempt `n`: whatever came before it was the attempt's. */
export function endMarker(hostName: string, n: number): string {
  return `${markerStart(hostName)}${n}\n`;
}

/** The NUL keeps it apart from text. */
export function markerStart(hostName: string): string {
  return `\0cascade ${hostName} `;
}

export function encodeFrame(frame: DaemonFrame | HostFrame): string {
  return `${JSON.stringify(frame)}\n`;
}

/** The `run` frame, with params and inline outputs copied in as the JSON texts they are. */
export function encodeRun(n: number, spec: AttemptSpec, artifactPath: (digest: Digest) => string): string {
  let upstream = "";
  const files: Record<string, string> = {};
  for (const [name, output] of Object.entries(spec.upstream)) {
    if (output.kind === "artifact") files[name] = artifactPath(output.digest);
    else upstream += `${upstream === "" ? "" : ","}${JSON.stringify(name)}:${oneLine(output.json)}`;
  }
  const { readings } = spec;
  const head = JSON.stringify({
    t: "run",
    n,
    runId: spec.runId,
    workflow: spec.workflow,
    task: spec.task,
    attempt: spec.number,
    plannedAt: new Date(spec.plannedAt).toISOString(),
    key: spec.idempotencyKey,
    files,
    ...(readings ? { readings: readingsFrame(readings, spec, artifactPath) } : {}),
  });
  return `${head.slice(0, -1)},"params":${oneLine(spec.params)},"upstream":{${upstream}}}\n`;
}

function readingsFrame(
  order: ReadingsOrder,
  spec: AttemptSpec,
  artifactPath: (digest: Digest) => string,
): ReadingsFrame {
  switch (order.mode) {
    case "record":
      return { ...order, packageDigest: spec.package.digest };
    case "replay":
      return { mode: "replay", recording: artifactPath(order.recording) };
  }
}

/** Line breaks in a JSON text are white space between its parts; in strings they are escaped. */
export function oneLine(json: string): string {
  return /[\r\n]/.test(json) ? json.replaceAll(/[\r\n]/g, " ") : json;
}

/** How our own task processes begin the frame of a success: the rest of the line is the output and a brace. */
const SUCCESS =
  /^\{"t":"ok","n":(\d{1,15}),"ms":(\d{1,15}(?:\.\d{1,20})?(?:e-\d{1,3})?),"marked":(true|false),"output":/;

/** The frame of a success, for a task process to send; `json` is copied in as it is. */
export function encodeSuccess({ n, ms, marked, json }: Omit<SuccessFrame, "t">): string {
  return `{"t":"ok","n":${n},"ms":${ms},"marked":${marked},"output":${json}}\n`;
}

/** Reads what `encodeSuccess` wrote. The output is checked to be one JSON value, and its text is not written again. */
function parseSuccess(line: string): SuccessFrame | undefined {
  const start = SUCCESS.exec(line);
  if (!start || !line.endsWith("}")) return undefined;
  const json = line.slice(start[0].length, -1);
  // No deeper, no other number, no key twice: what is stored is read by many who would each make something else of it.
  if (!readJsonText(json).ok) return undefined;
  return { t: "ok", n: Number(start[1]), ms: Number(start[2]), marked: start[3] === "true", json };
}

/** Checks a line of a task process, which may be anything: undefined when it is not one of its frames. */
export function parseHostFrame(line: string): HostFrame | undefined {
  const success = parseSuccess(line);
  if (success) return success;
  let frame: Partial<Record<string, unknown>>;
  try {
    frame = JSON.parse(line) as Partial<Record<string, unknown>>;
  } catch {
    return undefined;
  }
  if (typeof frame !== "object" || frame === null) return undefined;
  if (!isHostFrame(frame)) return undefined;
  // A task that writes frames itself may order and space the members of one as it likes.
  const { output, ...rest } = frame;
  if (output === undefined) return frame as unknown as HostFrame;
  return readJsonText(line).ok ? ({ ...rest, json: JSON.stringify(output) } as unknown as HostFrame) : undefined;
}

function isHostFrame(frame: Partial<Record<string, unknown>>): boolean {
  const { t, n } = frame;
  switch (t) {
    case "ready":
      return true;
    case "start":
      return isCount(n) && isCount(frame["folder"]);
    case "out":
      return isCount(n) && (frame["stream"] === "stdout" || frame["stream"] === "stderr") && isText(frame["text"]);
    case "log":
      return (
        isCount(n) &&
        isSpan(frame["at"]) &&
        logLevels.includes(frame["level"] as LogLevel) &&
        isText(frame["message"]) &&
        isText(frame["fields"])
      );
    case "ok":
      return isEnd(frame) && frame["output"] !== undefined;
    case "file":
      return isEnd(frame) && isCount(frame["size"]);
    case "readings":
      return isCount(n) && isCount(frame["size"]);
    case "fail":
      return (
        isEnd(frame) &&
        failCodes.includes(frame["code"] as FailCode) &&
        isText(frame["message"]) &&
        isText(frame["stack"])
      );
    case "late":
      return isText(frame["runId"]) && isText(frame["task"]) && isCount(frame["attempt"]) && isText(frame["message"]);
    case "retire":
      return isText(frame["reason"]);
    default:
      return false;
  }
}

function isEnd(frame: Partial<Record<string, unknown>>): boolean {
  return isCount(frame["n"]) && isSpan(frame["ms"]) && typeof frame["marked"] === "boolean";
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** Times must be printable: the largest instant of `Date` is 8.64e15. */
function isSpan(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= 8.64e15;
}

function isText(value: unknown): value is string {
  return typeof value === "string";
}
