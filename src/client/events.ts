import type { IncomingMessage } from "node:http";
import type { CascadeEvent } from "../app/application.ts";
import { isJsonObject } from "../kernel/json.ts";

/** A message of a stream of server-sent events. A heartbeat is a comment and gives none. */
export interface StreamMessage {
  event: string;
  data: string;
}

/** Reads the fields that the daemon writes; a message may arrive in any number of pieces. */
export async function* readMessages(response: IncomingMessage): AsyncGenerator<StreamMessage | "heartbeat"> {
  let rest = "";
  response.setEncoding("utf8");
  for await (const chunk of response) {
    const blocks = (rest + (chunk as string)).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) yield messageOf(block);
  }
}

function messageOf(block: string): StreamMessage | "heartbeat" {
  const fields = new Map<string, string>();
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1).trimStart());
  }
  const event = fields.get("event");
  return event === undefined ? "heartbeat" : { event, data: fields.get("data") ?? "" };
}

/** The event as it was published: times as milliseconds. Undefined for what is not one. */
export function eventOf({ event, data }: StreamMessage): CascadeEvent | undefined {
  const fields: unknown = JSON.parse(data);
  if (!isJsonObject(fields) || typeof fields["at"] !== "string") return undefined;
  return { ...fields, name: event, at: Date.parse(fields["at"]) } as CascadeEvent;
}
