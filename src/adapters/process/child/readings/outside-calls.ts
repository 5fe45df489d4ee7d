import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import type { Answer } from "../../../../domain/recording.ts";
import { canonicalJson } from "../../../../kernel/canonical-json.ts";
import type { Json } from "../../../../kernel/json.ts";
import type { ExecOptions, ExecResult, FileReader } from "./outside.ts";
import type { Asked, Session } from "./session.ts";

const PRINTED_MAX = 16 * 1024 * 1024;
/** Answers that have no body, by the fetch standard. */
const NO_BODY = [204, 205, 304];

const realFetch = globalThis.fetch;

export interface CallPlaces {
  workDir: string;
  assets: string;
  signal: () => AbortSignal;
}

/** Ways to the outside, straight or through the readings of an attempt. `outside` runs something without these. */
export interface OutsideCalls {
  fetch: typeof fetch;
  exec(file: string, args?: readonly string[], options?: ExecOptions): Promise<ExecResult>;
  readFile: FileReader;
}

export function createOutsideCalls(
  places: CallPlaces,
  session: Session | undefined,
  outside: <Result>(run: () => Result) => Result,
): OutsideCalls {
  /** Folders have other names in another process: in what is asked they are what they are to the task. */
  const portable = (text: string) =>
    text.replaceAll(places.workDir, "<work>").replaceAll(dirname(places.assets), "<package>");
  const ask = async (kind: Asked["kind"], label: string, what: Json, real: () => Promise<Json>): Promise<Json> => {
    const asked = createHash("sha256").update(canonicalJson(what)).digest("hex");
    const answer = await session!.answer({ kind, asked, label }, () => outside(() => answerOf(real)));
    if ("error" in answer) throw revived(answer.error);
    return answer.value;
  };

  return {
    async fetch(input, init) {
      if (!session) return realFetch(input, init);
      const request = new Request(input, init);
      const sent = Buffer.from(await request.clone().arrayBuffer());
      const { method, url } = request;
      const what = { method, url, headers: [...request.headers], body: sent.toString("base64") };
      const label = `fetch ${method} ${new URL(url).origin}`;
      return responseOf((await ask("fetch", label, what, () => fetched(request))) as unknown as Fetched);
    },

    async exec(file, args = [], options = {}) {
      const { cwd, env, input = "" } = options;
      const run = () => executed(file, args, { cwd: cwd ?? places.workDir, env, input, signal: places.signal() });
      if (!session) return run();
      const what = {
        file: portable(file),
        args: args.map(portable),
        cwd: portable(resolve(places.workDir, cwd ?? ".")),
        env:
          env === undefined
            ? null
            : Object.fromEntries(Object.entries(env).map(([name, text]) => [name, portable(text)])),
        input: portable(input),
      };
      return (await ask("exec", `program ${file}`, what, async () => ({ ...(await run()) }))) as unknown as ExecResult;
    },

    readFile: (async (path: string, encoding?: "utf8") => {
      const full = resolve(places.workDir, path);
      const real = async () => (await readFile(full)).toString("base64");
      const bytes =
        !session || session.owns(full)
          ? await readFile(full)
          : Buffer.from((await ask("file", `file ${full}`, full, real)) as string, "base64");
      return encoding === undefined ? bytes : bytes.toString(encoding);
    }) as FileReader,
  };
}

async function answerOf(real: () => Promise<Json>): Promise<Answer> {
  try {
    return { value: await real() };
  } catch (error) {
    const { name, message, cause } = error instanceof Error ? error : new Error(String(error));
    const code = codeOf(error) ?? codeOf(cause);
    return { error: { name, message: message.toWellFormed(), code: code ?? null } };
  }
}

function codeOf(error: unknown): string | undefined {
  const code: unknown = typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
  return typeof code === "string" ? code : undefined;
}

/** Made anew also when it is recorded, so that a task meets the same error both times. */
function revived({ name, message, code }: { name: string; message: string; code: string | null }): Error {
  if (name === "AbortError" || name === "TimeoutError") return new DOMException(message, name);
  const error = name === "TypeError" ? new TypeError(message) : new Error(message);
  return code === null ? error : Object.assign(error, { code });
}

interface Fetched {
  status: number;
  statusText: string;
  url: string;
  headers: [string, string][];
  body: string;
}

async function fetched(request: Request): Promise<Json> {
  const response = await realFetch(request);
  const { status, statusText, url, headers } = response;
  const body = Buffer.from(await response.arrayBuffer()).toString("base64");
  return { status, statusText, url, headers: [...headers], body };
}

function responseOf({ status, statusText, url, headers, body }: Fetched): Response {
  const content = NO_BODY.includes(status) ? null : Buffer.from(body, "base64");
  const response = new Response(content, { status, statusText, headers });
  return Object.defineProperty(response, "url", { value: url });
}

interface Execution {
  cwd: string;
  env: Readonly<Record<string, string>> | undefined;
  input: string;
  signal: AbortSignal;
}

function executed(file: string, args: readonly string[], { cwd, env, input, signal }: Execution): Promise<ExecResult> {
  return new Promise((settle, reject) => {
    const options = { cwd, signal, maxBuffer: PRINTED_MAX, ...(env === undefined ? {} : { env }) };
    const child = execFile(file, args, options, (error, stdout, stderr) => {
      // A program that could not start, or printed too much, has a code in text; one that failed has a number or a signal.
      if (error && typeof error.code !== "number" && !error.signal) {
        return reject(Object.assign(new Error(error.message), { code: error.code }));
      }
      const exitCode = error ? (typeof error.code === "number" ? error.code : null) : 0;
      settle({ exitCode, signal: error?.signal ?? null, stdout: stdout.toWellFormed(), stderr: stderr.toWellFormed() });
    });
    // It may end without reading.
    child.stdin?.on("error", () => undefined).end(input);
  });
}
