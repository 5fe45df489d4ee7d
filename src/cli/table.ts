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
  const widths = headings.map((heading, index) =>
    Math.max(heading.length, ...cells.map((line) => line[index]!.length)),
  );
  const pad = (line: readonly string[]) =>
    line
      .map((cell, index) => cell.padEnd(widths[index]!))
      .join("  ")
      .trimEnd();
  io.out(
    `${palette.bold(pad(headings))}\n${cells.map((line) => `${colorState(pad(line), line, palette)}\n`).join("")}`,
  );
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
