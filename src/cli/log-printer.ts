import type { LogChunkView } from "../app/views.ts";
import type { Io } from "./io.ts";
import { paletteFor } from "./palette.ts";

/**
 * Prints whole lines, each behind its task and attempt when several may come. A line that is not ended yet is held back
 * until more of it comes, its attempt is complete, or `end` says that no more will come.
 */
export interface LogPrinter {
  print(chunk: LogChunkView): void;
  end(): void;
}

export function createLogPrinter(io: Io, isPrefixed: boolean): LogPrinter {
  const rests = new Map<string, string>();
  const palette = paletteFor(io, io.outIsTerminal);
  const write = (name: string, lines: readonly string[]) => {
    const prefix = isPrefixed ? `${palette.dim(`${name} |`)} ` : "";
    if (lines.length > 0) io.exact(lines.map((line) => `${prefix}${line}\n`).join(""));
  };
  const flush = (name: string) => {
    const rest = rests.get(name) ?? "";
    rests.delete(name);
    if (rest !== "") write(name, [rest]);
  };
  return {
    print({ task, attempt, text, complete }) {
      const name = `${task}.${attempt}`;
      const lines = ((rests.get(name) ?? "") + text).split("\n");
      rests.set(name, lines.pop() ?? "");
      write(name, lines);
      if (complete) flush(name);
    },
    end() {
      for (const name of [...rests.keys()]) flush(name);
    },
  };
}
