import { constants } from "node:fs";
import { access, mkdir, readFile, readdir, rmdir, stat, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { basename, join } from "node:path";
import type { Clock } from "../../kernel/clock.ts";
import { systemErrorCode } from "../../kernel/errors.ts";
import type { Logger } from "../../kernel/logger.ts";

/** Control groups (cgroup v2), one for each process: whatever it starts is in it, and nothing leaves one by itself. */
export interface Cgroups {
  /** Makes one; its folder, for the process to enter. Undefined where none can be had. */
  make(): Promise<string | undefined>;
  /** Kills what is in it and removes it, as soon as it is empty. */
  remove(folder: string): Promise<void>;
  /** Kills all that is left and removes everything that was made. */
  close(): Promise<void>;
  /** The folder of all of them; undefined before the first was made, and where none can be had. */
  readonly root: string | undefined;
}

export interface CgroupsOptions {
  /** Names the folder of this life of the daemon. */
  bootId: string;
  clock: Clock;
  logger: Logger;
}

/** A killed process leaves its group within milliseconds, unless the kernel cannot end it now. */
const EMPTY_AFTER_MS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

export function createCgroups({ bootId, clock, logger }: CgroupsOptions): Cgroups {
  let last = 0;
  let root: string | undefined;
  let opening: Promise<string | undefined> | undefined;

  const open = async () => {
    const parent = await delegatedCgroup();
    if (parent === undefined) return undefined;
    const folder = join(parent, folderName(bootId));
    try {
      await mkdir(folder);
    } catch (error) {
      logger.debug({ event: "cgroup.refused", err: error }, `no control group can be made in ${parent}`);
      return undefined;
    }
    if (await canBeEntered(folder)) return (root = folder);
    await rmdir(folder).catch(() => undefined);
    return undefined;
  };
  const remove = async (folder: string) => {
    await killAll(folder);
    for (const ms of EMPTY_AFTER_MS) {
      const left = await rmdir(folder).then(() => undefined, systemErrorCode);
      if (left !== "EBUSY") return;
      await new Promise<void>((resolve) => clock.after(ms, resolve));
    }
    logger.warn({ event: "cgroup.stuck", path: folder }, `the control group ${folder} does not become empty`);
  };

  return {
    get root() {
      return root;
    },
    async make() {
      const parent = await (opening ??= open());
      if (parent === undefined) return undefined;
      const folder = join(parent, String(++last));
      try {
        await mkdir(folder);
        return folder;
      } catch (error) {
        logger.warn({ event: "cgroup.refused", err: error }, "a control group could not be made");
        return undefined;
      }
    },
    remove,
    async close() {
      const folder = await opening;
      if (folder === undefined) return;
      for (const name of await groupsIn(folder)) await remove(join(folder, name));
      await remove(folder);
      opening = Promise.resolve(undefined);
      root = undefined;
    },
  };
}

/** Those that a life of the daemon has left, with the numbers of the processes in them. */
export interface FormerCgroup {
  pids: readonly number[];
  end(): Promise<void>;
}

/** The control groups of a former life; undefined when there are none. */
export async function formerCgroup(options: CgroupsOptions): Promise<FormerCgroup | undefined> {
  const parent = await delegatedCgroup();
  const root = parent && join(parent, folderName(options.bootId));
  if (root === undefined || !(await stat(root).catch(() => undefined))) return undefined;
  const groups = (await groupsIn(root)).map((name) => join(root, name));
  const pids = (await Promise.all([root, ...groups].map(pidsIn))).flat();
  const { remove } = createCgroups(options);
  return {
    pids,
    async end() {
      await killAll(root);
      for (const group of groups) await remove(group);
      await remove(root);
    },
  };
}

function folderName(bootId: string): string {
  return `cascade-${bootId}`;
}

async function groupsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}

async function pidsIn(folder: string): Promise<readonly number[]> {
  const text = await readFile(join(folder, "cgroup.procs"), "latin1").catch(() => "");
  return text.split("\n").filter(Boolean).map(Number);
}

async function killAll(folder: string): Promise<void> {
  await writeFile(join(folder, "cgroup.kill"), "1", { flag: constants.O_WRONLY }).catch(() => undefined);
}

/** The kernel may refuse what the files' modes allow, and one before 5.14 has no `cgroup.kill`. */
async function canBeEntered(folder: string): Promise<boolean> {
  if (!(await isWritable(join(folder, "cgroup.kill")))) return false;
  return answers("/bin/sh", ["-c", 'echo 0 > "$1"', "sh", join(folder, "cgroup.procs")]).then(
    () => true,
    () => false,
  );
}

/**
 * The group of this process, if groups may be made in it. Where systemd manages them, that is so only in what it has
 * delegated: files that a user other than root may write to, or a unit that says so. Elsewhere, in a container, what can be
 * written is ours.
 */
async function delegatedCgroup(): Promise<string | undefined> {
  const folder = await ownCgroup();
  if (folder === undefined) return undefined;
  if (!(await isWritable(folder)) || !(await isWritable(join(folder, "cgroup.procs")))) return undefined;
  const isManaged = await stat("/run/systemd/system").then(
    () => true,
    () => false,
  );
  if (!isManaged || process.geteuid?.() !== 0) return folder;
  const asked = answers("systemctl", ["show", "--property=Delegate", "--value", basename(folder)]);
  return (await asked.catch(() => "")).trim() === "yes" ? folder : undefined;
}

/** The folder of the group that this process is in: version 2 is mounted in its own place, or beside version 1. */
async function ownCgroup(): Promise<string | undefined> {
  try {
    const path = /^0::(\/.*)$/m.exec(await readFile("/proc/self/cgroup", "utf8"))?.[1];
    for (const line of (await readFile("/proc/self/mountinfo", "utf8")).split("\n")) {
      const [before = "", after = ""] = line.split(" - ");
      if (path === undefined || !after.startsWith("cgroup2 ")) continue;
      const [, , , mounted = "", place = ""] = before.split(" ").map(unescaped);
      const inside = mounted === "/" ? path : path.startsWith(`${mounted}/`) ? path.slice(mounted.length) : undefined;
      if (path === mounted) return place;
      // Seen from another namespace, it is above what is mounted.
      if (inside !== undefined && !inside.startsWith("/..")) return join(place, inside);
    }
  } catch {
    // Not Linux.
  }
  return undefined;
}

/** `\040` is a space. */
function unescaped(text: string): string {
  return text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(parseInt(octal, 8)));
}

async function isWritable(path: string): Promise<boolean> {
  return access(path, constants.W_OK).then(
    () => true,
    () => false,
  );
}

function answers(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: 5_000 }, (error, stdout) =>
      error ? reject(new Error(error.message)) : resolve(stdout),
    );
  });
}
