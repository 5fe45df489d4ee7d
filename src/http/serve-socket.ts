import { lstatSync, mkdirSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import { dirname } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import { createService, type Service } from "../kernel/service.ts";
import type { Api } from "./api.ts";
import type { NodeExchange } from "./node-exchange.ts";

/** A client's connection that was idle for less than this is never closed under its next request. */
const KEEP_ALIVE_MS = 75_000;
/** How long requests may take that were there when the server stops. */
const STOP_GRACE_MS = 2_000;
/** Linux keeps 107 bytes of a socket's path and binds a cut one elsewhere without an error. */
const PATH_MAX = 100;
const SOCKET_UMASK = 0o177;

export interface SocketOptions {
  api: Api;
  path: string;
  /** Runs an action under a umask and restores the old one. */
  withUmask<Result>(mask: number, action: () => Result): Result;
  clock: Clock;
}

/**
 * Listens on a Unix socket with mode 0600 in a folder with mode 0700. A socket that lies there already is taken for the
 * leftover of a former life and removed: only the holder of the data folder's lock may start this.
 */
export function createSocketServer({ api, path, withUmask, clock }: SocketOptions): Service {
  const server = createAdaptorServer({
    fetch: (request, env) => api.fetch(request, env as NodeExchange),
    overrideGlobalObjects: false,
    serverOptions: { keepAliveTimeout: KEEP_ALIVE_MS },
  }) as Server;

  let isStopping = false;
  // A connection that answered its last request is kept for the next one, which a stopping server does not wait for.
  server.on("request", (_request, response) =>
    response.once("close", () => {
      if (isStopping) setImmediate(() => server.closeIdleConnections());
    }),
  );

  return createService(
    async () => {
      if (Buffer.byteLength(path) > PATH_MAX) {
        throw new CascadeError("SOCKET_PATH_TOO_LONG", `the socket's path is longer than ${PATH_MAX} bytes: ${path}`);
      }
      prepareFolder(dirname(path));
      removeLeftover(path);
      await new Promise<void>((resolve, reject) => {
        server.once("error", (error) => reject(cannotListen(path, error)));
        server.once("listening", () => resolve());
        // The socket is bound before listen() returns, so the umask holds for it and for nothing else.
        withUmask(SOCKET_UMASK, () => void server.listen(path));
      });
    },
    async () => {
      isStopping = true;
      api.close();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeIdleConnections();
      const callOff = clock.after(STOP_GRACE_MS, () => server.closeAllConnections());
      await closed;
      callOff();
    },
  );
}

function prepareFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new CascadeError("CANNOT_CREATE", `cannot create the folder ${folder}`, { cause: error });
  }
}

function removeLeftover(path: string): void {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw new CascadeError("CANNOT_CREATE", `${path} is there and is not a socket`);
  rmSync(path, { force: true });
}

function cannotListen(path: string, error: Error): CascadeError {
  const reason = systemErrorCode(error) ?? error.message;
  return new CascadeError("CANNOT_CREATE", `cannot listen on ${path}: ${reason}`, { cause: error });
}
