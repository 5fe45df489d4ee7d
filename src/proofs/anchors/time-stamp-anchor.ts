import type { X509Certificate } from "node:crypto";
import { CascadeError } from "../../kernel/errors.ts";
import type { Anchor } from "../../ports/anchor.ts";
import type { HttpExchange } from "../../ports/http-exchange.ts";
import type { AnchorTerms } from "./terms.ts";
import { checkTimeStamp, timeStampRequest } from "./time-stamp.ts";

export interface TimeStampTerms extends AnchorTerms {
  url: string;
  /** See `TimeStampCheck`. */
  trusted: readonly X509Certificate[];
}

const NONCE_BYTES = 16;
/** A token with its certificates has 2 to 8 KB. */
const MAX_ANSWER = 64 * 1024;

/** A time-stamping authority (RFC 3161, over HTTP by its section 3.4). The receipt is its answer. */
export function createTimeStampAnchor(
  { url, trusted, timeoutMs, ...terms }: TimeStampTerms,
  ask: HttpExchange,
  randomBytes: (size: number) => Uint8Array,
): Anchor {
  return {
    ...terms,
    kind: "tsa",
    async step({ checkpoint }, _progress, signal) {
      const data = Buffer.from(checkpoint, "utf8");
      const nonce = randomBytes(NONCE_BYTES);
      const { status, body } = await ask({
        url,
        method: "POST",
        contentType: "application/timestamp-query",
        accept: "application/timestamp-reply",
        body: timeStampRequest(data, nonce),
        timeoutMs,
        maxBytes: MAX_ANSWER,
        signal,
      });
      if (status !== 200) throw new CascadeError("ANCHOR_UNREACHABLE", `${url} answered with status ${status}`);
      const stamp = checkTimeStamp(body, { data, trusted, nonce });
      if (typeof stamp === "string") throw new CascadeError("ANCHOR_INVALID", `the time stamp of ${url}: ${stamp}`);
      return { done: true, receipt: body };
    },
  };
}
