import picocolors from "picocolors";
import { type Io, usesColor } from "./io.ts";
import { coloured } from "./terminal-text.ts";

/** Colours for words, or none. */
export interface Palette {
  bold(text: string): string;
  dim(text: string): string;
  /** A state, an outcome or a verdict in its colour; other words as they are. */
  state(word: string): string;
  isState(word: string): boolean;
}

const good = ["succeeded", "loaded", "active", "running", "ok", "valid", "passed", "written", "same"];
const bad = ["failed", "rejected", "timed_out", "crashed", "fail", "refused", "different", "diverged"];
const careful = [
  "queued",
  "waiting",
  "paused",
  "cancelled",
  "interrupted",
  "arriving",
  "warn",
  "draining",
  "stopped",
  "impure",
  "skipped",
];

export function paletteFor(io: Io, isTerminal: boolean): Palette {
  const colors = picocolors.createColors(usesColor(io, isTerminal));
  const colorOf = (word: string) => {
    if (good.includes(word)) return colors.green;
    if (bad.includes(word)) return colors.red;
    return careful.includes(word) ? colors.yellow : undefined;
  };
  return {
    bold: (text) => coloured(colors.bold, text),
    dim: (text) => coloured(colors.dim, text),
    state: (word) => {
      const color = colorOf(word);
      return color ? coloured(color, word) : word;
    },
    isState: (word) => colorOf(word) !== undefined,
  };
}
