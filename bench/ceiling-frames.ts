import type { Readable } from "node:stream";

/** Hands on each line of JSON; a line may arrive in any number of pieces. */
export function readFrames<Frame>(stream: Readable, received: (frame: Frame) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (text: string) => {
    rest += text;
    let from = 0;
    for (let end = rest.indexOf("\n"); end >= 0; end = rest.indexOf("\n", from)) {
      received(JSON.parse(rest.slice(from, end)) as Frame);
      from = end + 1;
    }
    rest = rest.slice(from);
  });
}
