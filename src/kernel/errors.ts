import { type ErrorCode, type HintDetails, hintOf, isErrorCode } from "./error-catalogue.ts";
import { isJsonObject } from "./json.ts";

/** Bytes of one message or hint, about: what a stranger's input is quoted in goes to logs, the database and answers. */
const MESSAGE_MAX = 4_096;
/** Problems that one error carries; a hostile input has millions. */
export const PROBLEMS_MAX = 100;

/** What an error looks like in JSON, logs and the database. */
export interface ErrorView {
  code: string;
  message: string;
  hint: string;
}

/** One mistake in something a person wrote, with its place: `file:line`, or a path such as `tasks[2].after[0]`. */
export interface Problem {
  code: ErrorCode;
  message: string;
  place: string;
  hint: string;
}

export interface CascadeErrorOptions {
  cause?: unknown;
  /** Replaces the catalogue's next step by a more exact one. */
  hint?: string;
  /** What the catalogue's next step can name. */
  about?: HintDetails;
  /** Every problem found, when there can be several; the first hundred of more. */
  problems?: readonly Problem[];
  /** Further members of the HTTP answer, such as the candidates of an ambiguous name. */
  details?: Record<string, unknown>;
}

/** A failure that a user can see: a stable code from the catalogue, a message, the cause, the next step. */
export class CascadeError extends Error {
  override readonly name = "CascadeError";
  readonly code: ErrorCode;
  readonly hint: string;
  readonly problems: readonly Problem[];
  readonly details: Record<string, unknown>;

  constructor(code: ErrorCode, message: string, options: CascadeErrorOptions = {}) {
    super(boundedText(message), options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = boundedText(options.hint ?? hintOf(code, options.about));
    this.problems = (options.problems ?? []).slice(0, PROBLEMS_MAX);
    this.details = options.details ?? {};
  }
}

export function problem(code: ErrorCode, place: string, message: string, hint?: string): Problem {
  return {
    code,
    place: boundedText(place),
    message: boundedText(message),
    hint: boundedText(hint ?? hintOf(code)),
  };
}

/** The text, or its beginning and how much is left out: at most about four kilobytes. */
export function boundedText(text: string, max = MESSAGE_MAX): string {
  if (text.length <= max && Buffer.byteLength(text) <= max) return text;
  let end = Math.min(text.length, max);
  while (Buffer.byteLength(text.slice(0, end)) > max) end = Math.floor(end * 0.9);
  return `${text.slice(0, end).toWellFormed()}… (${text.length - end} characters more)`;
}

/**
 * Any thrown value as a coded error. What the operating system refused is `PERMISSION` or `IO_FAILED`, and what was a coded
 * error before it was written down is that again; only what is left is `INTERNAL`.
 */
export function toCascadeError(error: unknown): CascadeError {
  if (error instanceof CascadeError) return error;
  if (isErrorView(error)) return new CascadeError(error.code, error.message, { hint: error.hint });
  const message = error instanceof Error ? error.message : String(error);
  const system = isSystemError(error) ? systemFailures[error.code] : undefined;
  if (system) return new CascadeError(system.code, message, { cause: error, hint: system.hint });
  const code = isSystemError(error) ? "IO_FAILED" : "INTERNAL";
  return new CascadeError(code, message, { cause: error });
}

export function errorView(error: unknown): ErrorView {
  const { code, message, hint } = toCascadeError(error);
  return { code, message, hint };
}

/** The code of a failed system call (`ENOENT`), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function isErrorView(value: unknown): value is ErrorView & { code: ErrorCode } {
  if (!isJsonObject(value) || value instanceof Error) return false;
  const { code, message, hint } = value;
  const isCode = typeof code === "string" && isErrorCode(code);
  return isCode && typeof message === "string" && typeof hint === "string";
}

/** What a system call answered: Node gives such errors its name and number, and no others. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException & { code: string } {
  return systemErrorCode(error) !== undefined && typeof (error as NodeJS.ErrnoException).syscall === "string";
}

const noRoom = "There is no room left: free space, inodes or the user's quota.";
const noDescriptors = "Raise the limit of open files (LimitNOFILE=, ulimit -n).";
const notAllowed = "Give the user it runs as the right to the named file or folder.";

/** What to do about the commonest refusals of an operating system; others say what the catalogue says. */
const systemFailures: Readonly<Record<string, { code: ErrorCode; hint: string }>> = {
  EACCES: { code: "PERMISSION", hint: notAllowed },
  EPERM: { code: "PERMISSION", hint: notAllowed },
  EROFS: {
    code: "IO_FAILED",
    hint: "The file system is mounted read-only: name a folder elsewhere, or mount it writable.",
  },
  ENOSPC: { code: "IO_FAILED", hint: noRoom },
  EDQUOT: { code: "IO_FAILED", hint: noRoom },
  EMFILE: { code: "IO_FAILED", hint: noDescriptors },
  ENFILE: { code: "IO_FAILED", hint: noDescriptors },
  ENOENT: { code: "IO_FAILED", hint: "The named file or folder is not there: make it, or correct the path." },
};
