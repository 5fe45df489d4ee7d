import { Writable } from "node:stream";
import { StringDecoder } from "node:string_decoder";

export type Capture = (stream: "stdout" | "stderr", text: string) => void;

/**
 * Puts streams of ours in the place of `process.stdout` and `process.stderr`, which `console` uses too. The real ones are
 * never made: they would turn descriptors 1 and 2 non-blocking.
 */
export function captureStreams(capture: Capture): void {
  for (const name of ["stdout", "stderr"] as const) {
    const stream = createCapturedStream((text) => capture(name, text));
    Object.defineProperty(process, name, { configurable: true, enumerable: true, get: () => stream });
  }
}

function createCapturedStream(onText: (text: string) => void): Writable {
  const decoder = new StringDecoder("utf8");
  return new Writable({
    decodeStrings: false,
    // Ending it must not silence the attempts that follow, as with the real one.
    autoDestroy: false,
    emitClose: false,
    write(chunk: Buffer | string, _encoding, done) {
      const text = typeof chunk === "string" ? chunk : decoder.write(chunk);
      if (text !== "") onText(text);
      done();
    },
  });
}
