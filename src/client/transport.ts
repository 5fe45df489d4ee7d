import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { errorCatalogue, type ErrorCode } from "../kernel/error-catalogue.ts";
import { CascadeError, type Problem, systemErrorCode } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";

const API_PREFIX = "/api/v1";

export type Method = "GET" | "POST" | "DELETE";

/** Requests over a daemon's socket, on connections that are kept. */
export interface Transport {
  /** The answer's JSON, or undefined when it has no body. Rejects with the daemon's error, or as `openStream` does. */
  json(method: Method, path: string, body?: unknown): Promise<unknown>;
  text(path: string): Promise<string>;
  /** An answer without an end. Rejects with `DAEMON_UNREACHABLE`, `DAEMON_LOST` or `PERMISSION`. */
  openStream(path: string): Promise<IncomingMessage>;
  close(): void;
}

export function createTransport(socketPath: string): Transport {
  const agent = new Agent({ keepAlive: true });

  function send(method: Method, path: string, body: string | undefined): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers: Record<string, string | number> = { accept: "application/json" };
      if (body !== undefined) {
        headers["content-type"] = "application/json";
        headers["content-length"] = Buffer.byteLength(body);
      }
      const request = httpRequest({ socketPath, agent, method, path: `${API_PREFIX}${path}`, headers }, resolve);
      request.once("error", (error) => {
        // A kept connection of a daemon that has gone meanwhile. Asking again changes nothing; starting again might.
        if (method === "GET" && request.reusedSocket) resolve(send(method, path, body));
        else reject(connectionError(error, socketPath));
      });
      request.end(body);
    });
  }

  async function answer(method: Method, path: string, body?: unknown): Promise<string> {
    const response = await send(method, path, body === undefined ? undefined : JSON.stringify(body));
    const text = await readAll(response, socketPath);
    if ((response.statusCode ?? 500) < 400) return text;
    throw errorOf(text, response.statusCode ?? 500);
  }

  return {
    async json(method, path, body) {
      const text = await answer(method, path, body);
      return text === "" ? undefined : (JSON.parse(text) as unknown);
    },
    text: (path) => answer("GET", path),
    async openStream(path) {
      const response = await send("GET", path, undefined);
      if ((response.statusCode ?? 500) < 400) return response;
      throw errorOf(await readAll(response, socketPath), response.statusCode ?? 500);
    },
    close: () => agent.destroy(),
  };
}

async function readAll(response: IncomingMessage, socketPath: string): Promise<string> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of response) chunks.push(chunk as Buffer);
  } catch (error) {
    throw connectionError(error, socketPath);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** What a failed connection means: nobody there, not allowed, or gone in the middle. */
function connectionError(error: unknown, socketPath: string): CascadeError {
  switch (systemErrorCode(error)) {
    case "ENOENT":
    case "ECONNREFUSED":
    case "ENOTDIR":
      return new CascadeError("DAEMON_UNREACHABLE", `no daemon listens on ${socketPath}`, { cause: error });
    case "EACCES":
    case "EPERM":
      return new CascadeError("PERMISSION", `this user may not use ${socketPath}`, {
        cause: error,
        hint: "Run the command as the daemon's user or as root.",
      });
    default:
      return new CascadeError("DAEMON_LOST", `the daemon went away in the middle of an answer`, { cause: error });
  }
}

function errorOf(text: string, status: number): CascadeError {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    body = undefined;
  }
  const code = isJsonObject(body) ? body["code"] : undefined;
  if (!isJsonObject(body) || !isErrorCode(code)) {
    return new CascadeError("INTERNAL", `the daemon answered with status ${status}: ${text.slice(0, 200)}`);
  }
  return new CascadeError(code, String(body["detail"]), {
    hint: String(body["hint"]),
    problems: (body["problems"] ?? []) as readonly Problem[],
    details: (body["details"] ?? {}) as Record<string, unknown>,
  });
}

function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === "string" && Object.hasOwn(errorCatalogue, code);
}
