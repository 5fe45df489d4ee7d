import { realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";

/** The path without symbolic links, as far as it exists: what tells whether two paths are one folder. `path` is absolute. */
export function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    const parent = dirname(path);
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
