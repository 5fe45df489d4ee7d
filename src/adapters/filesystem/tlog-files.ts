import { existsSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CascadeError } from "../../kernel/errors.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { fileErrors, makeFolder, readIfThere, replaceFiles } from "./durable-files.ts";
import { namesIn, syncFolder } from "./folders.ts";
import type { SyncedWriter } from "./synced-writer.ts";

export interface TlogFilesOptions {
  /** `tlog/` of the data folder: servable as it is, but for `.state`. */
  folder: string;
  /** Where logs are moved that no longer go on. */
  formerFolder: string;
  writer: SyncedWriter;
}

const io = fileErrors("the transparency log cannot be accessed");
const STATE = ".state";
const LAST_SIGNED = `${STATE}/last-signed`;
const TEMP_ENDING = ".tmp";

export function createTlogFiles({ folder, formerFolder, writer }: TlogFilesOptions): TlogFiles {
  const pathOf = (path: string) => join(folder, path);
  // All in one place that is not served: what a crash leaves behind is found there, however large the log is.
  const fileAt = (path: string, content: string | Uint8Array) => {
    const temp = pathOf(`${STATE}/${path.replace(/^\.state\//, "").replaceAll("/", "-")}${TEMP_ENDING}`);
    return { path: pathOf(path), temp, content };
  };

  /** A tile is never changed: one that is there and differs was written by someone else, or its disk has lost it. */
  async function isThere({ path, bytes }: { path: string; bytes: Uint8Array }): Promise<boolean> {
    const found = await readIfThere(pathOf(path));
    if (!found || found.equals(bytes)) return found !== undefined;
    throw new CascadeError("TLOG_DAMAGED", `tlog/${path} is not what the statements make it`);
  }

  return {
    read: (path) => io(() => readIfThere(pathOf(path))),
    writeTiles: (files) =>
      io(async () => {
        const absent = [];
        for (const file of files) {
          if (!(await isThere(file))) absent.push(fileAt(file.path, file.bytes));
        }
        await replaceFiles(absent, writer, { durable: true });
      }),
    removePartials: (path) => io(() => rm(`${pathOf(path)}.p`, { recursive: true, force: true })),
    readLastSigned: () => io(async () => (await readIfThere(pathOf(LAST_SIGNED)))?.toString("utf8")),
    writeLastSigned: (checkpoint) =>
      io(() => replaceFiles([fileAt(LAST_SIGNED, checkpoint)], writer, { durable: true })),
    publish: (checkpoint) => io(() => replaceFiles([fileAt("checkpoint", checkpoint)], writer, { durable: true })),
    remove: (paths) =>
      io(async () => {
        for (const path of paths) await rm(pathOf(path), { force: true });
      }),
    writeRetention: (text) => io(() => replaceFiles([fileAt("retention.json", text)], writer, { durable: true })),
    setAside: (origin) =>
      io(async () => {
        if (!existsSync(folder)) return;
        const target = join(formerFolder, origin);
        await rm(target, { recursive: true, force: true });
        await makeFolder(formerFolder);
        await rename(folder, target);
        await syncFolder(dirname(target));
        await syncFolder(dirname(folder));
      }),
  };
}

/** Removes what a former life had begun to write into the folder of a log. */
export async function sweepTlogTemps(folder: string): Promise<void> {
  const names = await namesIn(join(folder, STATE));
  for (const name of names.filter((each) => each.endsWith(TEMP_ENDING))) await rm(join(folder, STATE, name));
}
