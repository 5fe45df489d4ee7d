import { StringDecoder } from "node:string_decoder";

export interface LineReader {
  /** Calls back for each line that this chunk completes. Looks at no byte twice, however long a line is. */
  feed(chunk: Uint8Array): void;
}

/** Splits a stream of UTF-8 into lines. After a line of more than `maxLength` characters it says so once and is deaf. */
export function createLineReader(maxLength: number, onLine: (line: string) => void, onTooLong: () => void): LineReader {
  const decoder = new StringDecoder("utf8");
  let parts: string[] = [];
  let length = 0;
  let deaf = false;

  return {
    feed(chunk) {
      if (deaf) return;
      const text = decoder.write(chunk);
      let from = 0;
      for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", from)) {
        const tail = text.slice(from, at);
        from = at + 1;
        if (parts.length === 0) {
          onLine(tail);
        } else {
          parts.push(tail);
          const line = parts.join("");
          parts = [];
          length = 0;
          onLine(line);
        }
      }
      if (from < text.length) {
        const rest = from === 0 ? text : text.slice(from);
        parts.push(rest);
        length += rest.length;
        if (length > maxLength) {
          deaf = true;
          parts = [];
          onTooLong();
        }
      }
    },
  };
}
