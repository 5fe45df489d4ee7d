import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type HostSettings, outputFile } from "../protocol.ts";
import type { AttemptEnd } from "./attempt.ts";
import { readOutput } from "./output.ts";

/** How an output goes to the daemon, or the failure that it is. */
export type HandedOver =
  | { kind: "json"; json: string }
  | { kind: "file"; json: string; size: number }
  | Extract<AttemptEnd, { kind: "failure" }>;

/** A large output of attempt `n` is left in its file. */
export function handOver(value: unknown, n: number, settings: HostSettings): HandedOver {
  const output = readOutput(value, settings.outputMax);
  if (output.kind === "invalid") return { kind: "failure", code: "TASK_OUTPUT_INVALID", error: output.message };
  if (output.kind === "too_large") return { kind: "failure", code: "TASK_OUTPUT_TOO_LARGE", error: output.message };
  const size = Buffer.byteLength(output.json);
  if (size <= settings.inlineMax) return output;
  try {
    writeFileSync(join(settings.folder, outputFile(n)), output.json, { mode: 0o600, flag: "wx" });
    return { kind: "file", json: output.json, size };
  } catch (error) {
    return { kind: "failure", code: "TASK_FAILED", error };
  }
}
