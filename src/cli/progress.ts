import type { RunView, TaskRunView } from "../app/views.ts";
import { visibleLine } from "../kernel/visible-text.ts";
import { shortSpan } from "./format.ts";
import { type Io, usesColor } from "./io.ts";
import { paletteFor } from "./palette.ts";
import { controlSequence } from "./terminal-text.ts";

/** Shows on stderr how a run goes on. */
export interface Progress {
  show(run: RunView): void;
  /** Says something between the lines. */
  say(text: string): void;
}

const MARKS: Readonly<Record<string, string>> = {
  blocked: "·",
  ready: "·",
  running: "▸",
  waiting: "◦",
  succeeded: "✓",
  failed: "✗",
  skipped: "-",
  cancelled: "-",
};

/**
 * A line per task. On a terminal that is high enough the lines are written over in place; else each change of a task is
 * a line of its own.
 */
export function createProgress(io: Io): Progress {
  return io.errIsTerminal && io.environment["TERM"] !== "dumb" ? createLiveLines(io) : createPlainLines(io);
}

function createPlainLines(io: Io): Progress {
  const told = new Map<string, string>();
  return {
    show(run) {
      for (const task of run.tasks) {
        const now = `${task.state} ${task.attempts.length}`;
        const before = told.get(task.id);
        told.set(task.id, now);
        // What was there before the first look and still waits is not news.
        if (before === now || (before === undefined && (task.state === "blocked" || task.state === "ready"))) continue;
        io.err(`${taskText(task)}\n`);
      }
    },
    say: (text) => io.err(`${text}\n`),
  };
}

function createLiveLines(io: Io): Progress {
  const palette = paletteFor(io, io.errIsTerminal);
  const plain = createPlainLines(io);
  const colors = usesColor(io, io.errIsTerminal);
  let drawn = 0;
  const draw = (lines: readonly string[]) => {
    const up = drawn === 0 ? "" : controlSequence(`[${drawn}A`);
    io.err(`${up}${lines.map((line) => `${controlSequence("[2K")}${line}\n`).join("")}`);
    drawn = lines.length;
  };
  return {
    show(run) {
      const { columns, rows } = io.size();
      if (run.tasks.length >= rows) return plain.show(run);
      draw(
        run.tasks.map((task) => {
          const line = `${MARKS[task.state] ?? "?"} ${taskText(task)}`.slice(0, columns - 1);
          return colors ? line.replace(task.state, palette.state(task.state)) : line;
        }),
      );
    },
    say(text) {
      drawn = 0;
      io.err(`${text}\n`);
    },
  };
}

function taskText({ id, state, attempts, error }: TaskRunView): string {
  const last = attempts.at(-1);
  const number = last && last.number > 1 ? ` (attempt ${last.number})` : "";
  const took = last?.durationMs === null || last === undefined ? "" : ` ${shortSpan(last.durationMs)}`;
  const reason = error ? `: ${error.message.split("\n")[0]}` : "";
  return visibleLine(`${id} ${state}${number}${state === "running" ? "" : took}${reason}`);
}
