import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { ASSETS_FOLDER } from "../../domain/manifest.ts";
import { pathMistake } from "../../domain/manifest-check.ts";
import { type Problem, problem } from "../../kernel/errors.ts";
import type { ArchiveFile } from "./write-archive.ts";

const OWNER_MAY_EXECUTE = 0o100;

/** What file managers, editors and version control leave in folders: `npm pack` leaves the like behind too. */
const leftBehind =
  /^(?:\.DS_Store|\._.*|\.git|\.hg|\.svn|CVS|Thumbs\.db|desktop\.ini|\.Trashes|\.Spotlight-V100|\..*\.sw[a-p]|\.#.*|#.*#|\.~lock\..*#|~\$.*|.*~|.*\.orig|\.lock-wscript|\.wafpickle-.*|npm-debug\.log)$/;

/** Whether a file or folder of this name is no part of what somebody put into the folder around it. */
export function isLeftBehind(name: string): boolean {
  return leftBehind.test(name);
}

/**
 * The files named as assets, folders with all they hold but what machines leave there. A file keeps its path below `assets/`; the folder's own name is
 * not repeated when it is `assets` already. Links and other special files are problems.
 */
export async function readAssets(
  folder: string,
  paths: readonly string[],
): Promise<{ files: ArchiveFile[]; problems: readonly Problem[] }> {
  const files = new Map<string, ArchiveFile>();
  const problems: Problem[] = [];

  async function take(path: string): Promise<void> {
    const found = await lstat(join(folder, path)).catch(() => undefined);
    if (found === undefined) return refuse(path, `there is no "${path}" in the package folder`);
    if (found.isDirectory()) {
      const names = await readdir(join(folder, path));
      for (const name of names.filter((it) => !isLeftBehind(it))) await take(`${path}/${name}`);
      return;
    }
    if (!found.isFile()) return refuse(path, `"${path}" is neither a regular file nor a folder`);
    const packed = path.startsWith(`${ASSETS_FOLDER}/`) ? path : `${ASSETS_FOLDER}/${path}`;
    const mistake = pathMistake(packed);
    if (mistake !== undefined) return refuse(path, mistake);
    const mode = (found.mode & OWNER_MAY_EXECUTE) !== 0 ? 0o755 : 0o644;
    files.set(packed, { path: packed, bytes: await readFile(join(folder, path)), mode });
  }

  function refuse(path: string, message: string): void {
    problems.push(problem("PACK_ASSET_MISSING", path, message));
  }

  for (const path of paths) await take(path);
  return { files: [...files.values()], problems };
}
