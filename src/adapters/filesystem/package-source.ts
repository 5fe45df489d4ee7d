import { stat, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError, systemErrorCode } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";
import type { FolderListing, PackageSource } from "../../ports/package-source.ts";
import { listFolder, type WatchRights } from "./folder-listing.ts";
import { createHints } from "./hints.ts";
import { readPackageFile } from "./read-package-file.ts";
import { whyPassedOver } from "./why-passed-over.ts";

export interface PackageSourceOptions extends WatchRights {
  /** Larger files are refused unread. */
  maxBytes: number;
  clock: Clock;
  logger: Logger;
}

/** Watched folders on a local or mounted file system. */
export function createPackageSource(options: PackageSourceOptions): PackageSource {
  let folders: readonly string[] = [];
  let isClosed = false;
  const callbacks: ((folder: string) => void)[] = [];
  const hints = createHints(options.clock, options.logger, (folder) => {
    for (const callback of callbacks) callback(folder);
  });

  async function scanFolder(folder: string): Promise<FolderListing> {
    const { listing, identity } = await listFolder(folder, options);
    const isNewlyWatched = !isClosed && (await hints.follow(folder, identity));
    return isNewlyWatched ? (await listFolder(folder, options)).listing : listing;
  }

  return {
    scan: () => Promise.all(folders.map(scanFolder)),
    read: (location) => readPackageFile(location, options),
    whyPassedOver,
    async remove({ folder, name }) {
      const path = join(folder, name);
      try {
        await unlink(path);
      } catch (error) {
        const code = systemErrorCode(error);
        if (code === "ENOENT") return;
        if (code !== "EACCES" && code !== "EPERM" && code !== "EROFS") {
          throw new CascadeError("IO_FAILED", `${path} cannot be deleted (${code ?? String(error)})`, { cause: error });
        }
        const owner = await stat(folder).then(
          ({ uid }) => `; the folder belongs to user ${uid}`,
          () => "",
        );
        throw new CascadeError("PERMISSION", `the daemon may not delete ${path} (${code})${owner}`, {
          cause: error,
          hint: `Delete it yourself: \`sudo rm '${path}'\`; its package then unloads.`,
        });
      }
    },
    onHint: (callback) => void callbacks.push(callback),
    async watch(next) {
      const removed = folders.filter((folder) => !next.includes(folder));
      folders = [...new Set(next)];
      await Promise.all(removed.map((folder) => hints.unfollow(folder)));
    },
    async close() {
      isClosed = true;
      await hints.close();
    },
  };
}
