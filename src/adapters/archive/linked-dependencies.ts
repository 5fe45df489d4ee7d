import { lstatSync, realpathSync } from "node:fs";
import { dirname, join, sep } from "node:path";

/** Dependencies that are links to folders elsewhere: by their place there, and by their place here. */
export interface Links {
  note(dependency: string, name: string): void;
  real(path: string): string;
  linked(path: string): string;
  /** The `tsconfig.json` of the linked dependency that a file belongs to, if it has one; under either of its places. */
  tsconfigOf(path: string): string | undefined;
}

export function createLinks(): Links {
  const pairs = new Map<string, string>();
  const configs = new Map<string, string | undefined>();
  const moved = (path: string, from: string, to: string) =>
    path === from || path.startsWith(from + sep) ? to + path.slice(from.length) : undefined;
  const real: Links["real"] = (path) => {
    for (const [there, here] of pairs) {
      const found = moved(path, here, there);
      if (found !== undefined) return found;
    }
    return path;
  };
  return {
    note(dependency, name) {
      let target: string;
      try {
        target = realpathSync(dependency);
      } catch {
        return; // A link to nowhere: esbuild says so better.
      }
      // Package managers link to another folder of the same name, with its own dependencies beside it.
      if (target.endsWith(join(sep, "node_modules", name)) || pairs.has(target)) return;
      pairs.set(target, dependency);
      const config = join(target, "tsconfig.json");
      configs.set(target, lstatSync(config, { throwIfNoEntry: false }) && config);
    },
    real,
    linked(path) {
      for (const [there, here] of pairs) {
        const found = moved(path, there, here);
        if (found !== undefined) return found;
      }
      return path;
    },
    tsconfigOf(path) {
      const place = real(path);
      for (const [there, config] of configs) if (moved(place, there, there) !== undefined) return config;
      return undefined;
    },
  };
}

/** Where a dependency is found from a folder on: the nearest `node_modules` that has it. */
export function findDependency(from: string, name: string): string | undefined {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, "node_modules", name);
    if (lstatSync(candidate, { throwIfNoEntry: false })) return candidate;
    if (folder === dirname(folder)) return undefined;
  }
}
