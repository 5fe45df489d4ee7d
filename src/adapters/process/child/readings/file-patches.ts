import fs from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { announced, type AnyFunction, type Patch, type Refusal } from "./patches.ts";
import type { Session } from "./session.ts";

const ONE_PATH = [
  ...["access", "appendFile", "chmod", "chown", "lchown", "lstat", "lutimes", "mkdir", "mkdtemp", "open", "opendir"],
  ...["readFile", "readdir", "readlink", "realpath", "rm", "rmdir", "stat", "statfs", "truncate", "unlink", "utimes"],
  "writeFile",
];
const TWO_PATHS = ["copyFile", "cp", "link", "rename", "symlink"];
/** Without a form that waits, or without one that does not. */
const OTHERS = ["existsSync", "exists", "createReadStream", "createWriteStream", "watch", "watchFile", "openAsBlob"];

/** Files by their paths. What is open already, a descriptor or a handle, was looked at when it was opened. */
export function filePatches(current: () => Session | undefined): Patch[] {
  const watched = (on: object, name: string, paths: number, refusal: Refusal): Patch => {
    const real = (on as Record<string, AnyFunction>)[name]!;
    const announce = (args: unknown[]) => {
      const session = current();
      if (session) for (const path of args.slice(0, paths)) look(session, path);
    };
    return { on, name, value: announced(real, announce, refusal) };
  };
  const patch = (name: string, paths: number): Patch[] => [
    ...[name, `${name}Sync`].filter((each) => each in fs).map((each) => watched(fs, each, paths, "throws")),
    ...(name in fs.promises ? [watched(fs.promises, name, paths, "rejects")] : []),
  ];
  return [
    ...ONE_PATH.flatMap((name) => patch(name, 1)),
    ...TWO_PATHS.flatMap((name) => patch(name, 2)),
    ...OTHERS.filter((name) => name in fs).map((name) => watched(fs, name, 1, "throws")),
    watched(fs.promises, "watch", 1, "throws"),
  ];
}

function look(session: Session, path: unknown): void {
  const text =
    path instanceof URL ? fileURLToPath(path) : path instanceof Uint8Array ? Buffer.from(path).toString() : path;
  if (typeof text !== "string") return;
  const full = resolve(text);
  if (!session.owns(full)) session.hidden(`file ${full}`);
}
