import { type BigIntStats, lstatSync } from "node:fs";
import { lstat, readdir, stat, statfs } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { FileStat } from "../../domain/registry.ts";
import { packageFileKind } from "../../domain/package-file.ts";
import { CascadeError, type ErrorView, errorView, systemErrorCode } from "../../kernel/errors.ts";
import type { FolderListing, FoundFile } from "../../ports/package-source.ts";

/** Who may put packages where. */
export interface WatchRights {
  /** Takes packages from anyone. */
  allowUnsafe: boolean;
  /** The daemon's user. */
  ownUid: number;
}

/** A listing and what tells the folder from another one that takes its name; null when it could not be listed. */
export interface ListedFolder {
  listing: FolderListing;
  identity: string | null;
}

/** So many files are looked at in one go; a disk that has to fetch each answer holds up nothing else for long. */
const LOOKS_AT_ONCE = 100;

/** So many names of what is no package are told of a folder. */
const PASSED_OVER_MAX = 1_000;

/** One look at a folder: the regular files at its top level that are named like packages, and the names of whatever else is there. */
export async function listFolder(folder: string, rights: WatchRights): Promise<ListedFolder> {
  try {
    const folderStat = await stat(folder, { bigint: true });
    const unsafe = folderRefusal(folder, folderStat, rights);
    if (unsafe) return { listing: failed(folder, unsafe), identity: null };
    const all = await readdir(folder);
    const names = all.filter(isPackageName).sort();
    const isRemote = isRemoteFileSystem((await statfs(folder)).type);
    const files = isRemote
      ? await findFar(folder, names, folderStat, rights)
      : await findNear(folder, names, folderStat, rights);
    const found = new Set(files.map(({ location }) => location.name));
    const passedOver = found.size === all.length ? [] : all.filter((name) => !found.has(name));
    return {
      listing: {
        folder,
        files,
        passedOver: passedOver.sort().slice(0, PASSED_OVER_MAX),
        error: null,
        device: Number(folderStat.dev),
        isRemote,
      },
      identity: folderIdentity(folderStat),
    };
  } catch (error) {
    return { listing: failed(folder, unlistable(folder, error)), identity: null };
  }
}

export function isPackageName(name: string): boolean {
  return packageFileKind(name) !== undefined;
}

/** `folderStat` gives the device: on an overlay a file may report another one than its folder. */
export function fileStatOf(stats: BigIntStats, folderStat: BigIntStats): FileStat {
  return {
    device: Number(folderStat.dev),
    inode: Number(stats.ino),
    size: Number(stats.size),
    modifiedNs: String(stats.mtimeNs),
    changedNs: String(stats.ctimeNs),
  };
}

/**
 * Why a file may not be loaded whatever it holds; null when it may. Its owner must be root, the daemon or the folder's owner.
 * In a folder that a group may write to, a file of that group will do: only its members can have put it there.
 */
export function fileRefusal(
  path: string,
  stats: BigIntStats,
  folderStat: BigIntStats,
  rights: WatchRights,
): ErrorView | null {
  if (rights.allowUnsafe) return null;
  const uid = Number(stats.uid);
  if (uid === 0 || uid === rights.ownUid || stats.uid === folderStat.uid) return null;
  if ((folderStat.mode & 0o020n) !== 0n && stats.gid === folderStat.gid) return null;
  return errorView(
    new CascadeError(
      "WATCH_UNSAFE",
      `${path} belongs to user ${uid}, who is neither root, the daemon nor the folder's owner`,
      {
        hint: `Take it over with \`chown ${folderStat.uid} '${path}'\`, or set allow_unsafe = true.`,
      },
    ),
  );
}

/** On a disk of this host: the answers lie in memory, and each would cost ten times as much by way of another thread. */
async function findNear(
  folder: string,
  names: readonly string[],
  folderStat: BigIntStats,
  rights: WatchRights,
): Promise<FoundFile[]> {
  const found: FoundFile[] = [];
  for (const [index, name] of names.entries()) {
    if (index > 0 && index % LOOKS_AT_ONCE === 0) await setImmediate();
    const stats = lstatSync(join(folder, name), { bigint: true, throwIfNoEntry: false });
    if (stats?.isFile()) found.push(foundFile(folder, name, stats, folderStat, rights));
  }
  return found;
}

/** On a network, which may hang: never on the main thread. */
async function findFar(
  folder: string,
  names: readonly string[],
  folderStat: BigIntStats,
  rights: WatchRights,
): Promise<FoundFile[]> {
  const found = await Promise.all(
    names.map(async (name) => {
      try {
        const stats = await lstat(join(folder, name), { bigint: true });
        return stats.isFile() ? [foundFile(folder, name, stats, folderStat, rights)] : [];
      } catch (error) {
        if (systemErrorCode(error) === "ENOENT") return [];
        throw error;
      }
    }),
  );
  return found.flat();
}

function foundFile(
  folder: string,
  name: string,
  stats: BigIntStats,
  folderStat: BigIntStats,
  rights: WatchRights,
): FoundFile {
  return {
    location: { folder, name },
    stat: fileStatOf(stats, folderStat),
    refusal: fileRefusal(join(folder, name), stats, folderStat, rights),
  };
}

function folderRefusal(folder: string, stats: BigIntStats, rights: WatchRights): ErrorView | undefined {
  if (!stats.isDirectory()) {
    return errorView(new CascadeError("WATCH_UNREADABLE", `${folder} is not a folder`));
  }
  if (rights.allowUnsafe || (stats.mode & 0o002n) === 0n) return undefined;
  return errorView(
    new CascadeError("WATCH_UNSAFE", `everyone may write to ${folder}`, {
      hint: `Run \`chmod o-w '${folder}'\`, or set allow_unsafe = true.`,
    }),
  );
}

function unlistable(folder: string, error: unknown): ErrorView {
  const code = systemErrorCode(error);
  const reason = code === "ENOENT" ? "does not exist" : `cannot be listed (${code ?? String(error)})`;
  return errorView(new CascadeError("WATCH_UNREADABLE", `${folder} ${reason}`, { cause: error }));
}

function failed(folder: string, error: ErrorView): FolderListing {
  return { folder, files: [], error, device: null, isRemote: false };
}

/** An inode may be given to the next folder of that name at once, so its birth belongs to the identity. */
function folderIdentity(stats: BigIntStats): string {
  return `${stats.dev}:${stats.ino}:${stats.birthtimeNs}`;
}

/** The magic numbers of statfs(2) for NFS, SMB, CIFS, SMB2, AFS, Ceph, Lustre, 9P, VirtualBox folders and FUSE (sshfs). */
const REMOTE = [
  0x6969, 0x517b, 0xff534d42, 0xfe534d42, 0x5346414f, 0x00c36400, 0x0bd00bd0, 0x01021997, 0x786f4256, 0x65735546,
];

export function isRemoteFileSystem(statfsType: number): boolean {
  // Types above 2^31 arrive negative on some architectures.
  return REMOTE.includes(statfsType >>> 0);
}
