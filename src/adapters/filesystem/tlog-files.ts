import { existsSync, rmSync } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { CascadeError } from "../../kernel/errors.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { fileErrors, makeFolder, readAtOnce } from "./durable-files.ts";
import { namesIn, syncFolder } from "./folders.ts";
import type { SyncedFile, SyncedWriter } from "./synced-writer.ts";

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
  function isThere({ path, bytes }: { path: string; bytes: Uint8Array }): boolean {
    const found = readAtOnce(pathOf(path));
    if (!found || found.equals(bytes)) return found !== undefined;
    throw new CascadeError("TLOG_DAMAGED", `tlog/${path} is not what the statements make it`);
  }

  const put = (files: readonly SyncedFile[]) => writer.replace(files, { durable: true });

  return {
    read: (path) => io(async () => readAtOnce(pathOf(path))),
    writeTiles: (files) =>
      io(async () => {
        const absent = files.filter((file) => !isThere(file));
        await put(absent.map(({ path, bytes }) => fileAt(path, bytes)));
      }),
    removePartials: (path) => io(async () => rmSync(`${pathOf(path)}.p`, { recursive: true, force: true })),
    readLastSigned: () => io(async () => readAtOnce(pathOf(LAST_SIGNED))?.toString("utf8")),
    writeLastSigned: (checkpoint) => io(() => put([fileAt(LAST_SIGNED, checkpoint)])),
    publish: (checkpoint) => io(() => put([fileAt("checkpoint", checkpoint)])),
    remove: (paths) =>
      io(async () => {
        for (const path of paths) await rm(pathOf(path), { force: true });
      }),
    writeRetention: (text) => io(() => put([fileAt("retention.json", text)])),
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
    readAside: (origin, path) => io(async () => readAtOnce(join(formerFolder, origin, path))),
  };
}

/** Removes what a former life had begun to write into the folder of a log. */
export async function sweepTlogTemps(folder: string): Promise<void> {
  const names = await namesIn(join(folder, STATE));
  for (const name of names.filter((each) => each.endsWith(TEMP_ENDING))) await rm(join(folder, STATE, name));
}
