import { markerStart } from "./protocol.ts";

export interface MarkerSplitter {
  feed(chunk: Buffer): void;
}

/**
 * Takes the end markers of attempts out of a descriptor's bytes, wherever chunks are cut.
 * Everything else is handed on at once; only what may be the beginning of a marker is held until the next chunk.
 */
export function createMarkerSplitter(
  hostName: string,
  onBytes: (bytes: Buffer) => void,
  onMarker: (n: number) => void,
): MarkerSplitter {
  const start = Buffer.from(markerStart(hostName));
  /** The start, a number, a line break. */
  const longest = start.length + 17;
  let held: Buffer = Buffer.alloc(0);

  return {
    feed(chunk) {
      let rest = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
      held = Buffer.alloc(0);
      let searchFrom = 0;
      for (;;) {
        const at = rest.indexOf(start, searchFrom);
        if (at < 0) break;
        const end = rest.indexOf(10, at);
        const number = end < 0 ? "" : rest.toString("latin1", at + start.length, end);
        if (end < 0 && rest.length - at < longest) {
          if (at > 0) onBytes(rest.subarray(0, at));
          held = rest.subarray(at);
          return;
        }
        if (!/^\d{1,15}$/.test(number)) {
          searchFrom = at + 1;
          continue;
        }
        if (at > 0) onBytes(rest.subarray(0, at));
        onMarker(Number(number));
        rest = rest.subarray(end + 1);
        searchFrom = 0;
      }
      const open = beginningAtEnd(rest, start);
      if (open > 0) onBytes(rest.subarray(0, open));
      held = rest.subarray(open);
    },
  };
}

/** Where the bytes end with a beginning of `start`; their length when they do not. */
function beginningAtEnd(bytes: Buffer, start: Buffer): number {
  for (let at = Math.max(0, bytes.length - start.length + 1); at < bytes.length; at++) {
    if (bytes[at] === start[0] && bytes.subarray(at).equals(start.subarray(0, bytes.length - at))) return at;
  }
  return bytes.length;
}
