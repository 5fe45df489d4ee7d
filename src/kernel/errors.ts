import { type ErrorCode, errorCatalogue } from "./error-catalogue.ts";

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
  /** Every problem found, when there can be several. */
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
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint ?? errorCatalogue[code].hint;
    this.problems = options.problems ?? [];
    this.details = options.details ?? {};
  }
}

export function problem(code: ErrorCode, place: string, message: string, hint?: string): Problem {
  return { code, place, message, hint: hint ?? errorCatalogue[code].hint };
}

/** Any thrown value as a coded error; what is not ours is `INTERNAL`. */
export function toCascadeError(error: unknown): CascadeError {
  if (error instanceof CascadeError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new CascadeError("INTERNAL", message, { cause: error });
}

export function errorView(error: unknown): ErrorView {
  const { code, message, hint } = toCascadeError(error);
  return { code, message, hint };
}

/** The code of a failed system call (`ENOENT`), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}
