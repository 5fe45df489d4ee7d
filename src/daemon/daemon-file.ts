import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { isJsonObject } from "../kernel/json.ts";

/** `daemon.json`: which process serves a data folder. It may outlive its daemon; only the lock tells whether that lives. */
export interface DaemonFile {
  pid: number;
  bootId: string;
  /** Absolute path of the socket, which may lie outside the data folder. */
  socket: string;
  /** ISO-8601 in UTC. */
  startedAt: string;
  version: string;
  /** Absolute path of the configuration file that it was given or has found; null where it has none. */
  config: string | null;
  /** Absolute path of the trust policy in force; null without one. */
  trust: string | null;
}

/** A reader sees the file of before or all of the new one. Not synced: no daemon outlives a loss of power. */
export function writeDaemonFile(path: string, daemon: DaemonFile): void {
  const temp = `${path}.tmp`;
  rmSync(temp, { force: true });
  writeFileSync(temp, `${JSON.stringify(daemon, null, 2)}\n`, { mode: 0o600 });
  renameSync(temp, path);
}

/** Undefined when there is none, or none that can be read and makes sense. */
export function readDaemonFile(path: string): DaemonFile | undefined {
  let read: unknown;
  try {
    read = JSON.parse(readFileSync(path, "utf8"));
  } catch {
    return undefined;
  }
  if (!isJsonObject(read)) return undefined;
  const value = read;
  const { pid, bootId, socket, startedAt, version } = value;
  if (typeof pid !== "number" || !Number.isInteger(pid) || pid <= 0) return undefined;
  if (typeof bootId !== "string" || typeof socket !== "string") return undefined;
  if (typeof startedAt !== "string" || typeof version !== "string") return undefined;
  // Those of versions that did not write them.
  const pathOf = (name: string) => (typeof value[name] === "string" ? value[name] : null);
  return { pid, bootId, socket, startedAt, version, config: pathOf("config"), trust: pathOf("trust") };
}

/** For a clean stop. */
export function removeDaemonFile(path: string): void {
  rmSync(path, { force: true });
}
