import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { HttpExchange, HttpQuestion } from "../../ports/http-exchange.ts";

/** Over HTTP or HTTPS, each on a connection of its own. Messages name the host only: addresses may hold keys. */
export function createHttpExchange(clock: Pick<Clock, "after">): HttpExchange {
  return (question) =>
    new Promise((resolve, reject) => {
      const url = new URL(question.url);
      const host = `${url.protocol}//${url.host}`;
      const request = open(url, question);
      let isSettled = false;
      const settle = (action: () => void) => {
        if (isSettled) return;
        isSettled = true;
        callOff();
        question.signal.removeEventListener("abort", onAbort);
        request.destroy();
        action();
      };
      const fail = (reason: string, cause?: unknown) =>
        settle(() => reject(new CascadeError("ANCHOR_UNREACHABLE", `${host} ${reason}`, { cause })));
      const refuse = (reason: string) => settle(() => reject(new CascadeError("ANCHOR_INVALID", `${host} ${reason}`)));
      const onAbort = () => fail("was not waited for: the daemon stops");
      const callOff = clock.after(question.timeoutMs, () =>
        fail(`gave no whole answer within ${question.timeoutMs} ms`),
      );
      question.signal.addEventListener("abort", onAbort);
      request.on("error", (error) => fail(`cannot be reached: ${error.message}`, error));
      request.on("response", (response: IncomingMessage) => {
        const status = response.statusCode ?? 0;
        if (status >= 300 && status < 400) return refuse(`answered with a redirect (${status}), which is not followed`);
        const chunks: Buffer[] = [];
        let size = 0;
        response.on("data", (chunk: Buffer) => {
          size += chunk.length;
          if (size > question.maxBytes) return refuse(`answered with more than ${question.maxBytes} bytes`);
          chunks.push(chunk);
        });
        response.on("error", (error) => fail(`broke off: ${error.message}`, error));
        response.on("end", () => settle(() => resolve({ status, body: Buffer.concat(chunks) })));
      });
      if (question.signal.aborted) return onAbort();
      request.end(question.body);
    });
}

function open(url: URL, { method, body, contentType, accept }: HttpQuestion): ClientRequest {
  const headers: Record<string, string | number> = { "user-agent": "cascade" };
  const wanted = accept ?? contentType;
  if (wanted !== undefined) headers["accept"] = wanted;
  if (contentType !== undefined) headers["content-type"] = contentType;
  if (body !== undefined) headers["content-length"] = Buffer.byteLength(body);
  const send = url.protocol === "https:" ? httpsRequest : httpRequest;
  return send(url, { method, headers, agent: false });
}
