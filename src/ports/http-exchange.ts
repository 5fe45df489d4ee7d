export interface HttpQuestion {
  url: string;
  method: "GET" | "POST";
  /** Of the body; also sent as what is accepted when `accept` is left out. */
  contentType?: string;
  accept?: string;
  body?: string | Uint8Array;
  /** For the whole exchange. */
  timeoutMs: number;
  /** An answer with a larger body is refused. */
  maxBytes: number;
  signal: AbortSignal;
}

export interface HttpAnswer {
  status: number;
  body: Buffer;
}

/**
 * One question to a server that is not trusted, and its answer, whatever its status. No redirect is followed. Rejects with
 * `ANCHOR_UNREACHABLE` when there is no whole answer in time, with `ANCHOR_INVALID` when it is too large or a redirect.
 */
export type HttpExchange = (question: HttpQuestion) => Promise<HttpAnswer>;
