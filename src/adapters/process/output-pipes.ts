import { execFile } from "node:child_process";
import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { mkdir, mkdtemp, rm, unlink } from "node:fs/promises";
import { Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A pipe from a process to us. */
export interface OutputPipe {
  /** For the process; to be closed here as soon as the process has it. */
  writeEnd: number;
  reader: Socket;
}

/**
 * Makes the folder, for this user alone, and real pipes. What `spawn` calls pipes are sockets: `echo > /dev/stdout`
 * fails on those, and nothing tells whether something was written to them. The write ends block, as programs expect.
 */
export async function makeOutputPipes(folder: string, count: number, searchPath: string): Promise<OutputPipe[]> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  try {
    return await makePipesIn(folder, count, searchPath);
  } catch (error) {
    // Network and user-space file systems may have no pipes, or make something else; the system's folder for such things has them.
    const other = await mkdtemp(join(tmpdir(), "cascade-pipes-"));
    try {
      return await makePipesIn(other, count, searchPath);
    } catch {
      throw error;
    } finally {
      await rm(other, { recursive: true, force: true });
    }
  }
}

async function makePipesIn(folder: string, count: number, searchPath: string): Promise<OutputPipe[]> {
  const paths = Array.from({ length: count }, (_, index) => join(folder, `output-pipe-${index}`));
  await mkfifo(paths, searchPath);
  const pipes: OutputPipe[] = [];
  try {
    for (const path of paths) pipes.push(openPipe(path));
  } catch (error) {
    closePipes(pipes);
    throw error;
  }
  await Promise.all(paths.map((path) => unlink(path)));
  return pipes;
}

/** Node has no call for it. */
async function mkfifo(paths: readonly string[], searchPath: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    execFile("mkfifo", ["-m", "600", ...paths], { env: { PATH: searchPath } }, (error) =>
      error ? reject(new Error(`no pipe could be made: ${error.message.trim()}`, { cause: error })) : resolve(),
    );
  });
}

function openPipe(path: string): OutputPipe {
  // A reader that does not wait for a writer comes first; then the writer need not wait for it.
  const readEnd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    // Anything else would end this process: libuv takes a descriptor at its word.
    if (!fstatSync(readEnd).isFIFO()) throw new Error(`${path} is no pipe`);
    const writeEnd = openSync(path, constants.O_WRONLY);
    return { writeEnd, reader: new Socket({ fd: readEnd, readable: true, writable: false }) };
  } catch (error) {
    closeSync(readEnd);
    throw error;
  }
}

/** The process has its ends, or will never have them. */
export function closeWriteEnds(pipes: readonly OutputPipe[]): void {
  for (const { writeEnd } of pipes) closeSync(writeEnd);
}

export function closePipes(pipes: readonly OutputPipe[]): void {
  closeWriteEnds(pipes);
  for (const { reader } of pipes) reader.destroy();
}
