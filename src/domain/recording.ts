import type { Digest } from "../kernel/digest.ts";
import { isJsonObject, type Json } from "../kernel/json.ts";
import type { RunId } from "./run.ts";
import { type Effects, effectsKinds, type WorkflowId } from "./workflow.ts";

export const RECORDING_TYPE = "urn:cascade:recording:v1";

/** Larger recordings are given up; what is left of them says so. */
export const RECORDING_MAX = 16 * 1024 * 1024;

/** Clocks, each with a sequence of its own: `Date`, `performance`, and `process.hrtime` in nanoseconds as text. */
export const clockKinds = ["date", "hrtime", "performance"] as const;
export type ClockKind = (typeof clockKinds)[number];

/** A reading, and how many times in a row it was read. */
export type ClockReading = readonly [value: number | string, times: number];

export const answerKinds = ["exec", "fetch", "file"] as const;

/** What came from outside through the context. */
export interface RecordedAnswer {
  kind: (typeof answerKinds)[number];
  /** SHA-256 of everything that was asked. */
  asked: Digest;
  answer: Answer;
}

export type Answer = { value: Json } | { error: { name: string; message: string; code: string | null } };

/** What an attempt read beside its input. Bytes are in base64. */
export interface KeptReadings {
  /** In the order of the reads, clock by clock. */
  clocks: Readonly<Record<ClockKind, readonly ClockReading[]>>;
  /** In the order in which they were asked for. */
  answers: readonly RecordedAnswer[];
  /** 32 bytes in hex: all randomness is the AES-256-CTR key stream of this key from a zero counter, in the order of the calls. */
  seed: string;
  /** What was touched that no recording holds, sorted. */
  impure: readonly string[];
  /** False when it has grown too large: clocks and answers are empty then. */
  isComplete: boolean;
}

/**
 * One attempt, for a replay. Stored as an artifact in RFC 8785 bytes and named by their digest. As private as the outputs: it
 * holds what was fetched and printed, and every key that was made from its randomness can be made again.
 */
export interface Recording extends KeptReadings {
  type: typeof RECORDING_TYPE;
  runId: RunId;
  workflow: WorkflowId;
  task: string;
  attempt: number;
  effects: Effects;
  packageDigest: Digest;
  codeDigest: Digest | null;
  inputDigest: Digest;
  /** Of the JSON text; null for a failure. */
  outputDigest: Digest | null;
  /** As in the proof; null for a success. */
  errorDigest: Digest | null;
  node: string;
  platform: string;
  locale: string;
  timezone: string;
  /** Those of `LANG`, `PATH`, `TZ` and `USER` that were set. Declared names are not kept: their values may be secrets. */
  environment: Readonly<Record<string, string>>;
}

/** Reads a stored recording; undefined for what is none. Its digest has told already that it is as it was written. */
export function parseRecording(text: string): Recording | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isJsonObject(value) || value["type"] !== RECORDING_TYPE) return undefined;
  const { seed, clocks, answers, impure, environment, effects } = value;
  const isOne =
    typeof seed === "string" &&
    isJsonObject(clocks) &&
    clockKinds.every((kind) => Array.isArray(clocks[kind])) &&
    Array.isArray(answers) &&
    Array.isArray(impure) &&
    isJsonObject(environment) &&
    effectsKinds.some((kind) => kind === effects);
  return isOne ? (value as unknown as Recording) : undefined;
}
