import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** What packing takes from the running program, which lies beside this file as source or as compiled. */
export interface Program {
  nodePath: string;
  /** What `cascaded` means in a bundle, and to the type checker. */
  sdkEntry: string;
  sdkTypes: string;
  /** The zod that packages are given. */
  zodEntry: string;
  zodFolder: string;
  /** Run in a child process to learn what a bundle exports. */
  describeEntry: string;
  /** The folder that holds `@types/node`; null in an installation without it. */
  nodeTypes: string | null;
}

export function runningProgram(nodePath: string): Program {
  const here = fileURLToPath(import.meta.url);
  const isSource = here.endsWith(".ts");
  const rooms = dirname(dirname(here));
  const zodFolder = dirname(createRequire(here).resolve("zod/package.json"));
  const nodeTypes = join(dirname(zodFolder), "@types");
  return {
    nodePath,
    sdkEntry: join(rooms, isSource ? "sdk/index.ts" : "sdk/index.js"),
    sdkTypes: join(rooms, isSource ? "sdk/index.ts" : "sdk/index.d.ts"),
    zodEntry: join(zodFolder, "index.js"),
    zodFolder,
    describeEntry: join(rooms, isSource ? "adapters/archive/describe-entry.ts" : "adapters/archive/describe-entry.js"),
    nodeTypes: existsSync(join(nodeTypes, "node")) ? nodeTypes : null,
  };
}
