import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { testArchive } from "./checks.ts";

const run = promisify(execFile);

const script = `
const { default: workflow } = await import("./bundle.mjs");
const { tasks } = workflow[Symbol.for("cascade.workflow.v1")];
const output = await tasks[0].run({}).catch((error) => ({ code: error.code, message: error.message }));
process.stdout.write(JSON.stringify(output), () => process.exit());
`;

/** Unpacks a package somewhere and runs the first task, an async function, of its default workflow: its output, or its failure. */
export async function runPacked(bytes: Buffer): Promise<unknown> {
  const reading = await testArchive().read(bytes);
  if (reading.kind !== "whole") throw reading.error;
  const folder = mkdtempSync(join(tmpdir(), "cascade-packed-"));
  try {
    for (const [path, content] of reading.content.files) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), content);
    }
    writeFileSync(join(folder, "run.mjs"), script);
    const { stdout } = await run(process.execPath, [join(folder, "run.mjs")], { cwd: tmpdir() });
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
