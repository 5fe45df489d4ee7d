import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonText, printJson } from "../../../src/cli/format.ts";
import type { Io } from "../../../src/cli/io.ts";
import { paletteFor } from "../../../src/cli/palette.ts";
import { errorText } from "../../../src/cli/report-error.ts";
import { printFields, printTable } from "../../../src/cli/table.ts";
import { controlSequence, guardedIo } from "../../../src/cli/terminal-text.ts";
import { CascadeError } from "../../../src/kernel/errors.ts";
import { visibleLine } from "../../../src/kernel/visible-text.ts";

function terminal(outIsTerminal = true) {
  const written: string[] = [];
  const write = (text: string) => void written.push(text);
  const io = guardedIo({
    out: write,
    exact: write,
    err: write,
    outIsTerminal,
    errIsTerminal: outIsTerminal,
    size: () => ({ columns: 80, rows: 24 }),
    environment: {},
  } as unknown as Io);
  return { io, text: () => written.join("") };
}

const hostile = "\u001b[31mred\u001b[0m \u009b2J\u0007\r\n\tx\u202egpj.\u2066";
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/;

describe("what a command writes for people", () => {
  it("holds no control character from outside, whatever it is written by", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("\u001b", "[", "3", "1", "m", "\u009b", "a", "\n", "\u202e", "\r") }),
        (text) => {
          const { io, text: written } = terminal();
          io.out(text);
          io.err(text);
          io.exact(text);
          expect(written()).not.toMatch(controls);
        },
      ),
    );
  });

  it("keeps each cell, field and error on its lines, so that none forges another", () => {
    const { io, text } = terminal(false);
    printTable(io, [hostile], [{ heading: "NAME", cell: (row) => row }], "none");
    printFields(io, [["name", hostile]]);
    io.err(errorText(new CascadeError("TASK_FAILED", `a\nerror INTERNAL: b`), false));
    expect(text().split("\n").slice(0, 3)).toEqual([
      "NAME",
      "\\x1b[31mred\\x1b[0m \\x9b2J\\x07\\r\\n\\tx\\u202egpj.\\u2066",
      "name  \\x1b[31mred\\x1b[0m \\x9b2J\\x07\\r\\n\\tx\\u202egpj.\\u2066",
    ]);
    expect(text()).not.toMatch(/^error INTERNAL/m);
  });

  it("keeps its own colours and movements of the cursor", () => {
    const { io, text } = terminal();
    io.out(`${paletteFor(io, true).state("failed")} ${controlSequence("[2K")}\n`);
    expect(text()).toBe("\u001b[31mfailed\u001b[39m \u001b[2K\n");
  });

  it("is the exact bytes where another program asked for them", () => {
    const { io, text } = terminal(false);
    io.exact(hostile);
    expect(text()).toBe(hostile);
  });

  it("as JSON says the same and holds no control character", () => {
    const { io, text } = terminal();
    printJson(io, { [hostile]: hostile });
    expect(text()).not.toMatch(controls);
    expect(JSON.parse(text())).toEqual({ [hostile]: hostile });
    expect(JSON.parse(jsonText(hostile))).toBe(hostile);
  });

  it("shows text without control characters as it is", () => {
    expect(visibleLine("naïve ☃ 文")).toBe("naïve ☃ 文");
  });
});
