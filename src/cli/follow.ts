import { visibleLine } from "../kernel/visible-text.ts";
import type { LogChunkView, RunView } from "../app/views.ts";
import type { Client } from "../client/client.ts";
import { followLogs } from "../client/follow-logs.ts";
import { followRun } from "../client/follow-run.ts";
import { exitCodes } from "../kernel/error-catalogue.ts";
import { shortSpan } from "./format.ts";
import type { Io } from "./io.ts";
import { createLogPrinter } from "./log-printer.ts";
import { createProgress } from "./progress.ts";

export interface FollowResult {
  run: RunView;
  exitCode: number;
}

/**
 * Waits for the end of a run and shows its progress on stderr, or its logs on stdout. Ctrl-C detaches: the run goes on, and
 * the exit code says so.
 */
export async function follow(io: Io, client: Client, begun: RunView, show: "progress" | "logs") {
  const abort = new AbortController();
  const ignore = io.onInterrupt(() => abort.abort());
  const progress = createProgress(io);
  const printer = createLogPrinter(io, true);
  const lost = () => progress.say("The daemon went away; waiting for it to come back.");
  try {
    const options = { clock: io.clock, onLost: lost, signal: abort.signal };
    const run =
      show === "logs"
        ? await followLogs(client, begun, null, { ...options, onChunk: (chunk) => printer.print(chunk) })
        : await followRun(client, begun, { ...options, onRun: (seen) => progress.show(seen) });
    printer.end();
    if (run.endedAt === null) return detached(io, run);
    // With its logs shown, what a failed task wrote is there already.
    return ended(io, run, show === "logs" ? new Map() : await firstFailingLines(client, run));
  } finally {
    ignore();
  }
}

function detached(io: Io, run: RunView): FollowResult {
  io.err(`\nDetached; the run goes on. Follow it with: cascade logs ${run.id} -f\n`);
  return { run, exitCode: exitCodes.detached };
}

const failedTasks = (run: RunView) => run.tasks.filter(({ state }) => state === "failed");

/** Of each failed task, the line of its last attempt's log that tells most: the first that speaks of an error, else the last. */
async function firstFailingLines(client: Client, run: RunView): Promise<ReadonlyMap<string, string>> {
  const lines = new Map<string, string>();
  for (const { id, attempts } of failedTasks(run)) {
    const chunks = await client.logs(run.id, id, {}).catch(() => []);
    const line = failingLine(chunks.filter(({ attempt }) => attempt === attempts.at(-1)?.number));
    if (line !== undefined) lines.set(id, line);
  }
  return lines;
}

/** Errors are marked in the log's own lines, whoever wrote them. */
function failingLine(chunks: readonly LogChunkView[]): string | undefined {
  const lines = chunks
    .map(({ text }) => text)
    .join("")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  return (
    lines.find((line) => /\b(?:error|fatal|failed|exception|traceback|not found|denied)\b/i.test(line)) ?? lines.at(-1)
  );
}

function ended(io: Io, run: RunView, lines: ReadonlyMap<string, string>): FollowResult {
  const took = run.durationMs === null ? "" : ` after ${shortSpan(run.durationMs)}`;
  const reason = run.error ? `: ${run.error.code}: ${run.error.message}` : "";
  io.err(`${visibleLine(`run ${run.id} ${run.state}${took}${reason}`)}\n`);
  const failed = failedTasks(run);
  for (const { id, error } of failed) {
    if (failed.length > 1 || run.error?.message !== error?.message)
      io.err(`  ${visibleLine(`${id}: ${error?.code}: ${error?.message.split("\n")[0]}`)}\n`);
    const line = lines.get(id);
    if (line !== undefined) io.err(`  ${visibleLine(`${id} wrote: ${line}`)}\n`);
    if (failed.length > 1 && error) io.err(`    hint: ${visibleLine(error.hint)}\n`);
  }
  if (run.error && failed.length <= 1) io.err(`hint: ${visibleLine(run.error.hint)}\n`);
  return { run, exitCode: run.state === "succeeded" ? exitCodes.ok : exitCodes.runFailed };
}
