import { type ErrorCode, errorCatalogue } from "../kernel/error-catalogue.ts";
import { type CascadeError, type Problem, toCascadeError } from "../kernel/errors.ts";

/** An error in an answer, after RFC 9457, with the catalogue's words beside it. */
export interface ProblemBody {
  /** `urn:cascade:error:` and the code. */
  type: string;
  title: string;
  status: number;
  /** What happened, in a sentence. */
  detail: string;
  code: ErrorCode;
  /** The next step. */
  hint: string;
  problems: readonly Problem[];
  /** Further facts, such as the candidates of an ambiguous name. */
  details: Record<string, unknown>;
}

/** How long a client should wait before it asks a daemon again that is busy with something passing. */
const RETRY_AFTER_SECONDS = "5";

export function problemBody(error: CascadeError): ProblemBody {
  return {
    type: `urn:cascade:error:${error.code}`,
    title: error.code,
    status: errorCatalogue[error.code].status,
    detail: error.message,
    code: error.code,
    hint: error.hint,
    problems: error.problems,
    details: error.details,
  };
}

/** The answer to a request that failed with whatever was thrown. */
export function problemResponse(thrown: unknown): Response {
  const body = problemBody(toCascadeError(thrown));
  const headers = new Headers({ "content-type": "application/problem+json" });
  if (body.status === 503) headers.set("retry-after", RETRY_AFTER_SECONDS);
  return new Response(JSON.stringify(body), { status: body.status, headers });
}
