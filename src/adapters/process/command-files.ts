import { mkdir, open, rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { Output } from "../../domain/run.ts";
import type { Digest } from "../../kernel/digest.ts";
import { readRegularFile } from "../../kernel/regular-file.ts";
import { removeFolder } from "../../kernel/remove-folder.ts";
import type { ArtifactStore } from "../../ports/artifact-store.ts";
import type { AttemptSpec } from "../../ports/task-host.ts";
import { type JsonReading, readJsonBytes, readJsonText } from "../../kernel/json-text.ts";
import { whyUnreadable } from "./left-file.ts";
import { type OutputPipe, makeOutputPipes } from "./output-pipes.ts";

export interface CommandFolder {
  workDir: string;
  inputFile: string;
  outputFile: string;
  /** For its standard output and error. */
  pipes: readonly OutputPipe[];
}

/** Makes the private folder of a command and its pipes, and writes its input, `{"params": …, "upstream": {…}}`. */
export async function prepareCommandFolder(
  folder: string,
  spec: AttemptSpec,
  artifacts: Pick<ArtifactStore, "get">,
  searchPath: string,
): Promise<CommandFolder> {
  const workDir = join(folder, "1");
  const inputFile = join(folder, "input.json");
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  const file = await open(inputFile, "wx", 0o600);
  try {
    // Piece by piece: the outputs together can be larger than one of them may be.
    await file.write(`{"params":${spec.params},"upstream":{`);
    let separator = "";
    for (const [name, output] of Object.entries(spec.upstream)) {
      await file.write(`${separator}${JSON.stringify(name)}:`);
      await file.write(output.kind === "inline" ? output.json : await artifactText(artifacts, output.digest));
      separator = ",";
    }
    await file.write("}}\n");
  } finally {
    await file.close();
  }
  const pipes = await makeOutputPipes(folder, 2, searchPath);
  return { workDir, inputFile, outputFile: join(folder, "output.json"), pipes };
}

async function artifactText(artifacts: Pick<ArtifactStore, "get">, digest: Digest): Promise<string> {
  const bytes = await artifacts.get(digest);
  if (!bytes) throw new Error(`the artifact ${digest} of an upstream output is not there`);
  return bytes.toString("utf8");
}

export type CommandOutput =
  { kind: "output"; json: string } | { kind: "invalid"; message: string } | { kind: "too_large"; message: string };

/**
 * The output file if it was written, else the last line if it is a JSON object or array, else null. Whatever else than a
 * regular file of at most `maxBytes` is in the place of the output file is not looked into.
 */
export async function readCommandOutput(
  outputFile: string,
  lastLine: string,
  maxBytes: number,
): Promise<CommandOutput> {
  const read = await readRegularFile(outputFile, maxBytes);
  switch (read.kind) {
    case "absent":
      return isJson(lastLine) ? outputOf(readJsonText(lastLine), "the last line") : { kind: "output", json: "null" };
    case "bytes":
      return outputOf(readJsonBytes(read.bytes), "$CASCADE_OUTPUT");
    case "too_large":
      return { kind: "too_large", message: `$CASCADE_OUTPUT holds ${read.size} bytes, and ${maxBytes} are allowed` };
    case "not_regular":
    case "failed":
      return { kind: "invalid", message: `$CASCADE_OUTPUT ${whyUnreadable(read)}` };
  }
}

/** Whether a line is meant as an output: an object or a list. */
function isJson(line: string): boolean {
  if (!/^\s*[[{]/.test(line)) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** The JSON text as the command wrote it, on one line. */
function outputOf(reading: JsonReading, what: string): CommandOutput {
  if (!reading.ok) return { kind: "invalid", message: `${what}: ${reading.reason}. ${reading.hint}` };
  const { text } = reading.json;
  // A stream that held other bytes than UTF-8 reads so, and nobody could tell what they were.
  if (what !== "$CASCADE_OUTPUT" && text.includes("\ufffd")) {
    return { kind: "invalid", message: `${what} holds bytes that are no UTF-8` };
  }
  return { kind: "output", json: text.replace(/[\r\n]+/g, " ") };
}

/** A large output as an artifact, a small one as it is. */
export async function storeCommandOutput(
  json: string,
  inlineMax: number,
  artifacts: Pick<ArtifactStore, "put">,
): Promise<Output> {
  if (Buffer.byteLength(json) <= inlineMax) return { kind: "inline", json };
  return { kind: "artifact", ...(await artifacts.put(Buffer.from(json))) };
}

/** Removes what a command no longer needs: after a failure its work folder stays, if there is anything in it. */
export async function releaseCommandFolder(folder: string, keepWork: boolean): Promise<void> {
  if (!keepWork) return removeFolder(folder);
  await Promise.all(["input.json", "output.json"].map((name) => removeFolder(join(folder, name))));
  await rmdir(join(folder, "1")).catch(() => undefined);
  await rmdir(folder).catch(() => undefined);
}
