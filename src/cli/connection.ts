import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Queries } from "../app/application.ts";
import type { Client } from "../client/client.ts";
import { readDaemonFile } from "../daemon/daemon-file.ts";
import { type ChosenData, dataFolderAt, dataFolderOfCommand, socketPathOf } from "../daemon/data-folder.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { DataOption } from "./context.ts";
import type { Io } from "./io.ts";

/** Where a command looks for its daemon. */
export interface Located extends ChosenData {
  socket: string;
}

/** Finds the data folder as docs/cli.md tells, and in it the socket. */
export function locate(io: Io, { data }: DataOption): Located {
  const { environment, workingDir, home } = io;
  const chosen = dataFolderOfCommand({ flag: data, environment, workingDir, home });
  const daemon = readDaemonFile(dataFolderAt(chosen.root).daemonFile);
  return { ...chosen, socket: daemon?.socket ?? usualSocket(chosen.root, environment) };
}

function usualSocket(root: string, environment: Io["environment"]): string {
  try {
    return socketPathOf(root, environment);
  } catch {
    // No daemon can have bound a path that it may not use: whoever connects learns that nobody is there.
    return join(root, "cascade.sock");
  }
}

/** Gives a living daemon's client to an action. Rejects with `DAEMON_UNREACHABLE` when there is none. */
export async function withDaemon<Result>(
  io: Io,
  option: DataOption,
  action: (client: Client, located: Located) => Promise<Result>,
): Promise<Result> {
  const located = locate(io, option);
  const { createClient } = await import("../client/client.ts");
  const client = createClient(located.socket);
  try {
    return await action(client, located);
  } catch (error) {
    throw isUnreachable(error) ? unreachable(located, error) : error;
  } finally {
    client.close();
  }
}

/** Asks a living daemon; without one, but with its data folder, does the other thing. Both may be done, one after the other. */
export async function withDaemonOr<Result>(
  io: Io,
  option: DataOption,
  ask: (client: Client, located: Located) => Promise<Result>,
  otherwise: (located: Located) => Promise<Result>,
): Promise<Result> {
  try {
    return await withDaemon(io, option, ask);
  } catch (error) {
    const located = locate(io, option);
    if (!isUnreachable(error) || !existsSync(dataFolderAt(located.root).database)) throw error;
    return otherwise(located);
  }
}

/** Asks a living daemon, else its data folder. Every question reads only, so it may be asked twice. */
export async function withQueries<Result>(
  io: Io,
  option: DataOption,
  ask: (queries: Queries, located: Located) => Promise<Result>,
): Promise<Result> {
  return withDaemonOr(io, option, ask, async (located) => {
    const [{ openOffline }, { programVersion }] = await Promise.all([
      import("../daemon/offline.ts"),
      import("../daemon/version.ts"),
    ]);
    const offline = openOffline(located.root, programVersion());
    if (io.errIsTerminal) io.err(`The daemon is not running; this is what ${located.root} holds.\n`);
    try {
      return await ask(offline.queries, located);
    } finally {
      await offline.close();
    }
  });
}

function isUnreachable(error: unknown): boolean {
  return error instanceof CascadeError && (error.code === "DAEMON_UNREACHABLE" || error.code === "DAEMON_LOST");
}

function unreachable({ root, reason, socket }: Located, cause: unknown): CascadeError {
  if (cause instanceof CascadeError && cause.code === "DAEMON_LOST") return cause;
  const why = reason === "user" || reason === "system" ? "" : ` (from ${reason})`;
  return new CascadeError("DAEMON_UNREACHABLE", `no daemon is running on ${root}${why}: nobody listens on ${socket}`, {
    cause,
  });
}
