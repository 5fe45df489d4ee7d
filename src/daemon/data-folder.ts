import { createHash } from "node:crypto";
import { accessSync, chmodSync, constants, existsSync, mkdirSync, readdirSync, statfsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { isRemoteFileSystem } from "../adapters/filesystem/folder-listing.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";

/** The paths inside a data folder. */
export interface DataFolder {
  root: string;
  database: string;
  lock: string;
  /** Who the daemon is; see `daemon-file.ts`. */
  daemonFile: string;
  packages: string;
  store: string;
  artifacts: string;
  runs: string;
  logs: string;
  proofs: string;
  keys: string;
  /** The transparency log that goes on. */
  tlog: string;
  /** The logs before it, by their origin. */
  formerTlogs: string;
  /** What others have said of its heads: `<origin>/<size>/`. */
  receipts: string;
}

export function dataFolderAt(root: string): DataFolder {
  return {
    root,
    database: join(root, "cascade.db"),
    lock: join(root, "cascade.lock"),
    daemonFile: join(root, "daemon.json"),
    packages: join(root, "packages"),
    store: join(root, "store"),
    artifacts: join(root, "artifacts"),
    runs: join(root, "runs"),
    logs: join(root, "logs"),
    proofs: join(root, "proofs"),
    keys: join(root, "keys"),
    tlog: join(root, "tlog"),
    formerTlogs: join(root, "tlog-former"),
    receipts: join(root, "tlog-anchors"),
  };
}

export interface Where {
  /** The value of `--data`. */
  flag: string | undefined;
  environment: Readonly<Record<string, string | undefined>>;
  workingDir: string;
  home: string;
}

/** The folder of the system's daemon. */
export const SYSTEM_DATA = "/var/lib/cascade";

/** A data folder and why it is the one: `--data`, `CASCADE_DATA`, `STATE_DIRECTORY`, `user` or `system`. */
export interface ChosenData {
  root: string;
  reason: "--data" | "CASCADE_DATA" | "STATE_DIRECTORY" | "user" | "system";
}

/** The folder a daemon uses: as named, else systemd's `$STATE_DIRECTORY`, else the user's `$XDG_STATE_HOME/cascade`. */
export function dataFolderOfDaemon(where: Where): ChosenData {
  const named = namedDataFolder(where);
  if (named) return named;
  const state = where.environment["STATE_DIRECTORY"]?.split(":")[0];
  return state ? { root: state, reason: "STATE_DIRECTORY" } : { root: userData(where), reason: "user" };
}

/**
 * The folder a command looks into: as named, else the user's if it holds a daemon's data, else the system's if that does,
 * else the user's.
 */
export function dataFolderOfCommand(where: Where, holdsData: (root: string) => boolean = hasDaemonData): ChosenData {
  const named = namedDataFolder(where);
  if (named) return named;
  const user = userData(where);
  if (!holdsData(user) && holdsData(SYSTEM_DATA)) return { root: SYSTEM_DATA, reason: "system" };
  return { root: user, reason: "user" };
}

function namedDataFolder({ flag, environment, workingDir }: Where): ChosenData | undefined {
  if (flag !== undefined) return { root: resolve(workingDir, flag), reason: "--data" };
  const named = environment["CASCADE_DATA"];
  return named ? { root: resolve(workingDir, named), reason: "CASCADE_DATA" } : undefined;
}

function userData({ environment, home }: Where): string {
  return join(environment["XDG_STATE_HOME"] || join(home, ".local", "state"), "cascade");
}

/**
 * Where the heads of transparency logs are remembered: systemd's `$CACHE_DIRECTORY`, else the user's cache. Backups and restores
 * of the data folder leave a cache alone, so an older copy of the data folder is noticed there.
 */
export function markFolderOf({ environment, home }: Pick<Where, "environment" | "home">): string {
  const cache = environment["CACHE_DIRECTORY"]?.split(":")[0];
  return join(cache || join(environment["XDG_CACHE_HOME"] || join(home, ".cache"), "cascade"), "tlog");
}

/** Whether a daemon has worked in this folder. False where the caller may not look. */
function hasDaemonData(root: string): boolean {
  return existsSync(dataFolderAt(root).database);
}

/** sockaddr_un holds 107 bytes; a longer path is cut silently and binds elsewhere, so the limit keeps clear of it. */
const SOCKET_PATH_MAX_BYTES = 100;

/**
 * Where the socket of a data folder is bound: in it, or when that path is over 100 bytes in systemd's runtime folder, or in
 * the user's under a name made from the data folder's. Throws `SOCKET_PATH_TOO_LONG` when neither is there.
 */
export function socketPathOf(root: string, environment: Where["environment"]): string {
  const runtime = environment["RUNTIME_DIRECTORY"]?.split(":")[0];
  const userRuntime = environment["XDG_RUNTIME_DIR"];
  const hash = createHash("sha256").update(root).digest("hex").slice(0, 16);
  const candidates = [
    join(root, "cascade.sock"),
    ...(runtime ? [join(runtime, "cascade.sock")] : []),
    ...(userRuntime ? [join(userRuntime, "cascade", `${hash}.sock`)] : []),
  ];
  const fitting = candidates.find((path) => Buffer.byteLength(path) <= SOCKET_PATH_MAX_BYTES);
  if (fitting !== undefined) return fitting;
  throw new CascadeError(
    "SOCKET_PATH_TOO_LONG",
    `the socket path ${candidates[0]} is over ${SOCKET_PATH_MAX_BYTES} bytes, and no runtime folder is there for it`,
  );
}

/**
 * Creates what is missing, closed to others (0700). A folder that holds nothing but a daemon's data is closed as well;
 * any other one is left as it is, and refused when others may write to it. Throws `CANNOT_CREATE` or `PERMISSION`.
 */
export function prepareDataFolder(data: DataFolder, socketPath: string): void {
  try {
    mkdirSync(data.root, { recursive: true, mode: 0o700 });
    closeToOthers(data);
    for (const folder of [...innerFolders(data), dirname(socketPath)])
      mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkRights(data);
  } catch (error) {
    if (error instanceof CascadeError) throw error;
    const code = systemErrorCode(error);
    const reason = code ?? String(error);
    throw new CascadeError(
      code === "EACCES" || code === "EPERM" ? "PERMISSION" : "CANNOT_CREATE",
      `cannot prepare the data folder ${data.root} (${reason})`,
      { cause: error, hint: "Name a folder that this user may write to with --data." },
    );
  }
}

function innerFolders(data: DataFolder): string[] {
  return [data.packages, data.store, data.artifacts, data.runs, data.logs, data.proofs, data.keys, data.tlog];
}

/** That the daemon may work in each of its folders. Throws `PERMISSION` or `CANNOT_CREATE`, naming folder and right. */
export function checkRights(data: DataFolder): void {
  // Who may write to `packages/` is its owner's business, and keys need not be written.
  const worked = innerFolders(data).filter((folder) => folder !== data.packages && folder !== data.keys);
  for (const folder of [data.root, ...worked]) {
    const stat = statSync(folder, { throwIfNoEntry: false });
    if (!stat) continue;
    if (!stat.isDirectory())
      throw new CascadeError("CANNOT_CREATE", `${folder} is not a folder`, { hint: "Move it away." });
    // The bits as well: root gets past them, and whoever runs the daemon next does not.
    const lacks = (stat.mode & OWNER) !== OWNER || !mayWork(folder);
    if (!lacks) continue;
    const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
    throw new CascadeError(
      "PERMISSION",
      `the daemon may not read, write and enter ${folder} (mode ${mode}, user ${stat.uid})`,
      {
        hint: `Run \`chmod u+rwx '${folder}'\`, or give it to the daemon's user.`,
      },
    );
  }
}

/** What speaks against the file system that the data folder is on; null when nothing does. */
export function fileSystemDoubt(data: DataFolder): string | null {
  if (!isRemoteFileSystem(statfsSync(data.root).type)) return null;
  return (
    `${data.root} is on a network or user-space file system: its locks and its syncing may not be what the database needs; ` +
    "name a folder on a local disk with --data"
  );
}

function mayWork(folder: string): boolean {
  try {
    accessSync(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Makes the folders again that somebody has deleted meanwhile; and tells their paths. Throws as `checkRights` does. */
export function mendDataFolder(data: DataFolder): string[] {
  const made = innerFolders(data).filter((folder) => !existsSync(folder));
  for (const folder of made) mkdirSync(folder, { recursive: true, mode: 0o700 });
  checkRights(data);
  return made;
}

/** What shows that a database told of this folder once; null in a new one. */
export function historyIn(data: DataFolder): string | null {
  const told = [data.store, data.artifacts, data.runs, data.proofs, data.tlog, data.formerTlogs, data.receipts];
  const kept = told.find((folder) => existsSync(folder) && readdirSync(folder).length > 0);
  return kept === undefined ? null : `${kept} holds what it told of`;
}

const OWNER = 0o700;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;

function closeToOthers(data: DataFolder): void {
  const { mode } = statSync(data.root);
  if ((mode & OTHERS) === 0) return;
  const own = new Set(Object.values(data).map((path: string) => path.slice(data.root.length + 1)));
  const onlyOurs = readdirSync(data.root).every((name) => own.has(name) || /^(cascade|daemon)\./.test(name));
  if (onlyOurs) return chmodSync(data.root, 0o700);
  if ((mode & OTHERS_WRITE) !== 0) {
    throw new CascadeError("PERMISSION", `others may write to the data folder ${data.root}`, {
      hint: `Run \`chmod go-w '${data.root}'\`, or name another folder with --data.`,
    });
  }
}
