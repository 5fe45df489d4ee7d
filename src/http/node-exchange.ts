import type { IncomingMessage, ServerResponse } from "node:http";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { Context } from "hono";

/** Node's own two ends of an exchange; absent when a request did not come over one of its servers. */
export interface NodeExchange {
  incoming: IncomingMessage;
  outgoing: ServerResponse;
}

function exchangeOf(c: Context): NodeExchange | undefined {
  const env = c.env as Partial<NodeExchange> | undefined;
  return env?.incoming && env.outgoing ? { incoming: env.incoming, outgoing: env.outgoing } : undefined;
}

/**
 * Answers with JSON. Over a server of Node it is written to the connection at once: a `Response` with its stream costs as
 * much as storing a run.
 */
export function answerJson(c: Context, value: unknown, status: 200 | 201 | 202 = 200): Response {
  const text = JSON.stringify(value);
  const exchange = exchangeOf(c);
  if (!exchange) return c.body(text, status, { "content-type": "application/json" });
  exchange.outgoing.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
  });
  exchange.outgoing.end(text);
  return RESPONSE_ALREADY_SENT;
}

/** An answer in pieces, until one side ends it. */
export interface TextStream {
  response: Response;
  write(text: string): void;
  /** Bytes that the client has not taken yet. */
  backlog(): number;
  end(): void;
}

/** Begins an answer in pieces. `onGone` is called once the client is gone or the answer has ended. */
export function answerInPieces(c: Context, headers: Record<string, string>, onGone: () => void): TextStream {
  const outgoing = exchangeOf(c)?.outgoing;
  if (!outgoing) return webStream(headers, onGone);
  outgoing.on("close", onGone);
  // Told as `close` too; unheard it would end the process.
  outgoing.on("error", () => undefined);
  outgoing.writeHead(200, headers);
  return {
    response: RESPONSE_ALREADY_SENT,
    write: (text) => void outgoing.write(text),
    backlog: () => outgoing.writableLength,
    end: () => void outgoing.end(),
  };
}

function webStream(headers: Record<string, string>, onGone: () => void): TextStream {
  const encoder = new TextEncoder();
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const stream = new ReadableStream<Uint8Array>(
    {
      start(made) {
        controller = made;
      },
      cancel: onGone,
    },
    new ByteLengthQueuingStrategy({ highWaterMark: 0 }),
  );
  return {
    response: new Response(stream, { headers }),
    write: (text) => controller.enqueue(encoder.encode(text)),
    backlog: () => -(controller.desiredSize ?? 0),
    end() {
      controller.close();
      onGone();
    },
  };
}

/**
 * The bytes of the body, or undefined as soon as there are more than `max`: no more than that is ever in memory, whatever
 * the request says of its length. Rejects when the client goes away before the end.
 */
export async function readBytes(c: Context, max: number): Promise<Buffer | undefined> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const isTooMuch = (chunk: Uint8Array) => {
    size += chunk.length;
    chunks.push(chunk);
    return size > max;
  };
  const incoming = exchangeOf(c)?.incoming;
  if (!incoming) {
    for await (const chunk of (c.req.raw.body ?? []) as AsyncIterable<Uint8Array>)
      if (isTooMuch(chunk)) return undefined;
    return Buffer.concat(chunks);
  }
  // The stream tells its end some turns later than the length does.
  const length = Number(incoming.headers["content-length"] ?? Infinity);
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer) => {
      if (!isTooMuch(chunk)) {
        if (size === length) resolve(Buffer.concat(chunks));
        return;
      }
      incoming.off("data", onData);
      incoming.pause();
      resolve(undefined);
    };
    incoming.on("data", onData);
    incoming.once("end", () => resolve(Buffer.concat(chunks)));
    incoming.once("error", reject);
    incoming.once("close", () => reject(new Error("the client went away")));
  });
}
