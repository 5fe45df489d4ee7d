import { format } from "prettier";
import { expect, it } from "vitest";
import {
  type CatalogueEntry,
  type ErrorCode,
  errorCatalogue,
  exitCodes,
  hintOf,
} from "../../src/kernel/error-catalogue.ts";

/** The text of docs/errors.md. `npx vitest run --project unit test/unit/errors-doc.test.ts -u` writes it again. */
async function errorsDocument(): Promise<string> {
  const entries = Object.entries(errorCatalogue) as [ErrorCode, CatalogueEntry][];
  const rows = entries
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { exit, status }]) =>
        `| \`${code}\` | ${exitCodes[exit]} | ${status} | ${hintOf(code).replaceAll("|", "\\|")} |`,
    );
  const text = `# Errors

Every error has a stable code, a message about the case at hand, and a hint that names the next step. The same code appears on
the command line (with its exit code), in answers of the [API](api.md) (with its status), in logs, in \`package list\` and in
\`run show\`. A code is never used again for another meaning. An error may bring a more exact hint than the one below.

| Code | Exit | HTTP | What to do |
| ---- | ---- | ---- | ---------- |
${rows.join("\n")}
`;
  return format(text, { parser: "markdown", printWidth: 120 });
}

it("documents every error of the catalogue with its exit code, its status and its hint, and no other", async () => {
  await expect(await errorsDocument()).toMatchFileSnapshot("../../docs/errors.md");
});

it("names no placeholder in a hint: a person is told the run, the task or the file, or none", () => {
  const about = { run: "0190-r", task: "load", workflow: "shop/report", file: "a.cascade", name: "release" };
  for (const code of Object.keys(errorCatalogue) as ErrorCode[]) {
    for (const hint of [hintOf(code), hintOf(code, about)])
      for (const [, command] of hint.matchAll(/`(cascade [^`]*)`/g)) expect(command, code).not.toMatch(/ [A-Z]{2,}\b/);
  }
  expect(hintOf("TASK_FAILED", about)).toBe("`cascade logs 0190-r load` shows what it wrote.");
});
