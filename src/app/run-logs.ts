import { isTaskRunEnded, type Run } from "../domain/run.ts";
import { CascadeError } from "../kernel/errors.ts";
import { nearestName } from "../kernel/nearest.ts";
import type { LogReader } from "../ports/log-sink.ts";
import { LOG_ANSWER_BYTES, type LogChunkView } from "./views.ts";

/**
 * What was written since the offsets, attempts in the order in which they started. Attempts without new text have no
 * chunk: an empty answer about an ended run says that everything was read.
 */
export async function readRunLogs(
  run: Run,
  task: string | null,
  offsets: Readonly<Record<string, number>>,
  logs: LogReader,
): Promise<LogChunkView[]> {
  if (task !== null && !run.tasks.has(task)) {
    const nearest = nearestName(task, run.tasks.keys());
    throw new CascadeError("TASK_UNKNOWN", `run ${run.id} has no task ${task}`, {
      hint: nearest === undefined ? `Tasks: ${[...run.tasks.keys()].join(", ")}.` : `Did you mean ${nearest}?`,
    });
  }
  const attempts = [...run.tasks.values()]
    .filter(({ name }) => task === null || name === task)
    .flatMap((taskRun) => taskRun.attempts.map((attempt) => ({ task: taskRun, attempt })))
    .toSorted((a, b) => a.attempt.startedAt - b.attempt.startedAt || a.attempt.fence - b.attempt.fence);
  const chunks: LogChunkView[] = [];
  let bytes = 0;
  for (const { task: taskRun, attempt } of attempts) {
    const offset = offsets[`${taskRun.name}.${attempt.number}`] ?? 0;
    const place = { runId: run.id, task: taskRun.name, number: attempt.number, createdAt: run.createdAt };
    const read = await logs.read(place, offset);
    if (!read || read.text === "") continue;
    const complete = attempt.endedAt !== null || isTaskRunEnded(taskRun.state);
    chunks.push({
      task: taskRun.name,
      attempt: attempt.number,
      text: read.text,
      nextOffset: read.nextOffset,
      complete,
    });
    bytes += read.nextOffset - offset;
    if (bytes > LOG_ANSWER_BYTES) break;
  }
  return chunks;
}
