import { visibleLine } from "../kernel/visible-text.ts";
import type { Io } from "./io.ts";
import { paletteFor } from "./palette.ts";

/** A column of a table: its heading and the text of a cell. */
export interface Column<Row> {
  heading: string;
  cell(row: Row): string | number | null;
}

/**
 * Columns padded with spaces, the heading in bold on a terminal. An empty list prints `none` on stderr and nothing on
 * stdout, so that a pipe gets no row that is not one.
 */
export function printTable<Row>(io: Io, rows: readonly Row[], columns: readonly Column<Row>[], none: string): void {
  if (rows.length === 0) return io.err(`${none}\n`);
  const palette = paletteFor(io, io.outIsTerminal);
  const headings = columns.map(({ heading }) => heading);
  const cells = rows.map((row) => columns.map(({ cell }) => visibleLine(String(cell(row) ?? "-"))));
  const needed = headings.map((heading, index) =>
    Math.max(heading.length, ...cells.map((line) => line[index]!.length)),
  );
  const widths = io.outIsTerminal ? fitting(needed, headings, io.size().columns) : needed;
  const pad = (line: readonly string[]) =>
    line
      .map((cell, index) => cut(cell, widths[index]!).padEnd(widths[index]!))
      .join("  ")
      .trimEnd();
  io.out(
    `${palette.bold(pad(headings))}\n${cells.map((line) => `${colorState(pad(line), line, palette)}\n`).join("")}`,
  );
}

const GAP = 2;
const CELL_MIN = 6;

/** Widths for a line of so many columns: the widest give way first, the first one, which is typed again, never. */
function fitting(needed: readonly number[], headings: readonly string[], columns: number): number[] {
  const widths = [...needed];
  const least = headings.map((heading, index) => (index === 0 ? needed[0]! : Math.max(CELL_MIN, heading.length)));
  const total = () => widths.reduce((sum, width) => sum + width + GAP, -GAP);
  while (total() > columns) {
    const room = widths.map((width, index) => width - least[index]!);
    const most = Math.max(...room);
    if (most <= 0) break;
    widths[room.indexOf(most)]!--;
  }
  return widths;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}

/** Names and values, one pair a line. */
export function printFields(io: Io, fields: readonly (readonly [string, string | number | null])[]): void {
  const palette = paletteFor(io, io.outIsTerminal);
  const width = Math.max(...fields.map(([name]) => name.length));
  for (const [name, value] of fields) {
    io.out(`${palette.dim(name.padEnd(width))}  ${visibleLine(String(value ?? "-"))}\n`);
  }
}

function colorState(text: string, cells: readonly string[], palette: ReturnType<typeof paletteFor>): string {
  const state = cells.find((cell) => palette.isState(cell));
  return state === undefined ? text : text.replace(state, palette.state(state));
}
