import { visibleLine } from "../kernel/visible-text.ts";
import type { RunView } from "../app/views.ts";
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
    return run.endedAt === null ? detached(io, run) : ended(io, run);
  } finally {
    ignore();
  }
}

function detached(io: Io, run: RunView): FollowResult {
  io.err(`\nDetached; the run goes on. Follow it with: cascade logs ${run.id} -f\n`);
  return { run, exitCode: exitCodes.detached };
}

function ended(io: Io, run: RunView): FollowResult {
  const took = run.durationMs === null ? "" : ` after ${shortSpan(run.durationMs)}`;
  const reason = run.error ? `: ${run.error.code}: ${run.error.message}` : "";
  io.err(`${visibleLine(`run ${run.id} ${run.state}${took}${reason}`)}\n`);
  if (run.error) io.err(`hint: ${visibleLine(run.error.hint)}\n`);
  return { run, exitCode: run.state === "succeeded" ? exitCodes.ok : exitCodes.runFailed };
}
