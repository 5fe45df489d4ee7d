import { StringDecoder } from "node:string_decoder";

export interface LastLine {
  feed(chunk: Buffer): void;
  /** The last line that is more than white space; empty when there is none. */
  text(): string;
}

/** Remembers the end of a stream in bounded memory. Of a longer line, only that it is `maxLength` or longer is known: it reads as empty. */
export function createLastLine(maxLength: number): LastLine {
  const decoder = new StringDecoder("utf8");
  let last = "";
  let open = "";
  let tooLong = false;
  const close = () => {
    if (tooLong) last = "";
    else if (open.trim() !== "") last = open;
    open = "";
    tooLong = false;
  };
  const extend = (text: string) => {
    if (tooLong) return;
    if (open.length + text.length > maxLength) {
      tooLong = true;
      open = "";
    } else {
      open += text;
    }
  };
  return {
    feed(chunk) {
      const lines = decoder.write(chunk).split("\n");
      for (let index = 0; index < lines.length; index++) {
        if (index > 0) close();
        extend(lines[index]!);
      }
    },
    text() {
      if (tooLong) return "";
      return open.trim() === "" ? last : open;
    },
  };
}
