import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, it } from "vitest";

const page = join(import.meta.dirname, "../../docs/threat-model.md");

/** The tests that a row of the table names: the file of each, and its name there. */
function playedIn(row: string): { file: string; name: string }[] {
  const cell = row.split(" | ").at(-1)!;
  return cell.split("; [").flatMap((part) => {
    const file = /\]\((.*?)\): /.exec(part)?.[1];
    return [...part.matchAll(/"(.*?)"(?=[,; |]|$)/g)].map(([, name]) => ({ file: file ?? "", name: name! }));
  });
}

it("docs/threat-model.md names for each row tests that are there", () => {
  const rows = readFileSync(page, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| "))
    .slice(1);
  expect(rows.length).toBeGreaterThan(10);
  for (const row of rows) {
    const tests = playedIn(row);
    expect(tests, row).not.toEqual([]);
    for (const { file, name } of tests) {
      const source = readFileSync(join(dirname(page), file), "utf8");
      expect(source.includes(`"${name}`) || source.includes(`\`${name}`), `${file} has "${name}"`).toBe(true);
    }
  }
});
