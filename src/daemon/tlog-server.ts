import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../adapters/filesystem/tlog-files.ts";
import { CascadeError } from "../kernel/errors.ts";
import { parseTilePath } from "../proofs/tlog/tiles.ts";
import { dataFolderAt } from "./data-folder.ts";

/** Where Rekor v2 has the same files. */
const REKOR_PREFIX = "/api/v2";
const CHECKPOINT = "checkpoint";

export interface TlogServer {
  /** `http://host:port`. */
  address: string;
  close(): Promise<void>;
}

/**
 * Serves the checkpoint and the tiles of a data folder's log, and nothing else, whether or not a daemon works on it: at `/` as
 * https://c2sp.org/tlog-tiles tells, and at `/api/v2` as Rekor v2 does. Rejects with `USAGE` for an address that is none,
 * with `TLOG_EMPTY`, and with `CANNOT_CREATE` when nobody can listen there.
 */
export async function serveTlog(root: string, listen: string): Promise<TlogServer> {
  const [, host, port] = /^(\[[0-9a-f:]+\]|[\w.-]+):(\d{1,5})$/i.exec(listen) ?? [];
  if (host === undefined || Number(port) > 65_535) throw new CascadeError("USAGE", `${listen} is not host:port`);
  const data = dataFolderAt(root);
  const files = createTlogFiles({ folder: data.tlog, formerFolder: data.formerTlogs, writer: createSyncedWriter() });
  if (!(await files.read(CHECKPOINT)))
    throw new CascadeError("TLOG_EMPTY", `no head of a log is signed in ${root} yet`);

  async function answer({ method, url = "" }: IncomingMessage, response: ServerResponse): Promise<void> {
    if (method !== "GET" && method !== "HEAD") return end(response, 405);
    const path = (url.startsWith(`${REKOR_PREFIX}/`) ? url.slice(REKOR_PREFIX.length) : url).slice(1);
    const isTile = parseTilePath(path) !== undefined;
    const bytes = isTile || path === CHECKPOINT ? await files.read(path) : undefined;
    if (!bytes) return end(response, 404);
    // A tile never changes; a checkpoint does with every batch.
    response.setHeader("cache-control", isTile ? "public, max-age=31536000, immutable" : "no-store");
    response.setHeader("content-type", isTile ? "application/octet-stream" : "text/plain; charset=utf-8");
    response.setHeader("content-length", bytes.length);
    end(response, 200, method === "GET" ? bytes : undefined);
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => end(response, 500));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error) =>
      reject(new CascadeError("CANNOT_CREATE", `cannot listen on ${listen}: ${error.message}`, { cause: error })),
    );
    server.listen(Number(port), host.replace(/^\[|\]$/g, ""), resolve);
  });
  return {
    address: `http://${host}:${(server.address() as AddressInfo).port}`,
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function end(response: ServerResponse, status: number, body?: Buffer): void {
  response.statusCode = status;
  response.end(body);
}
