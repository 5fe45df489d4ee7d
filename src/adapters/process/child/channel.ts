import { FRAME_DESCRIPTOR, type HostFrame, TEXT_MAX, encodeFrame } from "../protocol.ts";
import { writeAll } from "./write-all.ts";

/** The way to the daemon. Frames keep their order. */
export interface Channel {
  /** Written when this returns: what a task printed is never lost with its process. */
  send(frame: HostFrame): void;
  /** A whole line that goes with the next `send` or `flush`, in one write. */
  sendSoon(line: string): void;
  flush(): void;
}

export function createChannel(): Channel {
  let pending = "";
  const flush = () => {
    if (pending === "") return;
    const text = pending;
    pending = "";
    writeAll(FRAME_DESCRIPTOR, text);
  };
  return {
    send(frame) {
      pending += encodeFrame(frame);
      flush();
    },
    sendSoon(line) {
      pending += line;
    },
    flush,
  };
}

/** Pieces that fit into a frame. */
export function* piecesOf(text: string): Generator<string> {
  for (let from = 0; from < text.length; from += TEXT_MAX) yield text.slice(from, from + TEXT_MAX);
}

export function shorten(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length - max} characters more)`;
}
