import { expect, it } from "vitest";
import { printTable } from "../../../src/cli/table.ts";
import type { Io } from "../../../src/cli/io.ts";

const rows = [{ id: "0190a5d2-ac96", what: "a".repeat(60), state: "failed" }];
const columns = [
  { heading: "RUN", cell: ({ id }: (typeof rows)[number]) => id },
  { heading: "WHAT", cell: ({ what }: (typeof rows)[number]) => what },
  { heading: "STATE", cell: ({ state }: (typeof rows)[number]) => state },
];

/** Of a table only the writing side of a terminal is asked. */
function collecting(change: Pick<Io, "outIsTerminal">): { io: Io; out(): string } {
  let out = "";
  const io = {
    out: (text: string) => void (out += text),
    size: () => ({ columns: 40, rows: 24 }),
    environment: { NO_COLOR: "1" },
  };
  return { io: { ...io, ...change } as unknown as Io, out: () => out };
}

it("cuts the widest cells of a table on a narrow terminal, and never what is typed again", () => {
  const narrow = collecting({ outIsTerminal: true });
  printTable(narrow.io, rows, columns, "none");
  const lines = narrow.out().trimEnd().split("\n");
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(40);
  expect(lines[1]).toMatch(/^0190a5d2-ac96 {2}a+… {2}failed$/);
  const piped = collecting({ outIsTerminal: false });
  printTable(piped.io, rows, columns, "none");
  expect(piped.out()).toContain("a".repeat(60));
});
