import { CascadeError } from "../../kernel/errors.ts";
import { isJsonObject } from "../../kernel/json.ts";
import type { HttpExchange } from "../../ports/http-exchange.ts";

/** Asks a node of an EVM chain by JSON-RPC 2.0. Rejects with `ANCHOR_UNREACHABLE`, with what the node said when it said an error. */
export type JsonRpc = (method: string, params: readonly unknown[], signal: AbortSignal) => Promise<unknown>;

/** A block without its transactions has a few KB, a receipt without logs less. */
const MAX_ANSWER = 256 * 1024;

/** The node's own refusal, apart from what keeps it from answering. */
export class RpcRefusal extends CascadeError {}

export function createJsonRpc(url: string, ask: HttpExchange, timeoutMs: number): JsonRpc {
  let id = 0;
  return async (method, params, signal) => {
    const asked = ++id;
    const { status, body } = await ask({
      url,
      method: "POST",
      contentType: "application/json",
      body: JSON.stringify({ jsonrpc: "2.0", id: asked, method, params }),
      timeoutMs,
      maxBytes: MAX_ANSWER,
      signal,
    });
    // The URL often holds a key of the provider: it is not told.
    const answer = parse(body.toString("utf8"));
    if (answer === undefined || answer["id"] !== asked) {
      throw new CascadeError("ANCHOR_UNREACHABLE", `the node answered ${method} with status ${status} and no JSON-RPC`);
    }
    const error = answer["error"];
    if (isJsonObject(error)) {
      throw new RpcRefusal(
        "ANCHOR_UNREACHABLE",
        `the node refused ${method}: ${String(error["message"]).slice(0, 200)}`,
      );
    }
    return answer["result"];
  };
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isJsonObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
