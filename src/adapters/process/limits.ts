import { RECORDING_MAX } from "../../domain/recording.ts";
import { INLINE_OUTPUT_MAX } from "../../domain/run.ts";
import { HELD_MAX } from "./protocol.ts";

/** Bounds of task hosts. Spans in milliseconds, sizes in bytes. */
export interface ProcessLimits {
  /** How long a task may go on after its abort signal. */
  graceMs: number;
  /** Larger outputs fail with `TASK_OUTPUT_TOO_LARGE`. */
  outputMax: number;
  /** Larger outputs become artifacts. */
  inlineMax: number;
  /** Larger recordings are given up. */
  recordingMax: number;
  /** Attempts that a process holds at most, the running one included. */
  held: number;
  /** No attempt is sent to wait behind others for longer than this, going by what they took lately. */
  waitMs: number;
  /** When the running one takes longer than this, those behind it are asked back. */
  patienceMs: number;
  /** A process is replaced after this many attempts, but not before it is `replaceAfterMs` old: see `host.ts`. */
  attemptsPerHost: number;
  replaceAfterMs: number;
  /** Resident size after which a process is replaced. */
  rssMax: number;
  /** A process that is idle for longer ends, except for one. */
  idleMs: number;
  /** How long a process may take from its start to its first word. */
  bootMs: number;
  /** How long descriptors 1 and 2 are waited for after the end of an attempt or of a process. */
  drainMs: number;
}

export const processLimits: ProcessLimits = {
  graceMs: 5_000,
  outputMax: 16 * 1024 * 1024,
  inlineMax: INLINE_OUTPUT_MAX,
  recordingMax: RECORDING_MAX,
  held: 32,
  waitMs: 20,
  patienceMs: 50,
  attemptsPerHost: 1_000,
  replaceAfterMs: 60_000,
  rssMax: 256 * 1024 * 1024,
  idleMs: 60_000,
  bootMs: 30_000,
  drainMs: 1_000,
};

export function checkedLimits(change: Partial<ProcessLimits>): ProcessLimits {
  const limits = { ...processLimits, ...change };
  return { ...limits, held: Math.max(1, Math.min(limits.held, HELD_MAX)) };
}
