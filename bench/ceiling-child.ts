import { readFrames } from "./ceiling-frames.ts";
import { monotonicMs } from "./statistics.ts";

/** A task process and nothing else: runs what a frame brings at once, and answers all that a turn ended with one frame. */
export interface Work {
  key: number;
  task: string;
  input: { n: number };
}

export interface Done {
  key: number;
  output: { ok: boolean; n: number; value: string };
  /** When its code began. */
  began: number;
}

/** Brings an output of about 200 bytes. */
async function noOp({ n }: Work["input"]): Promise<Done["output"]> {
  return { ok: true, n, value: "x".repeat(160) };
}

let done: Done[] = [];

function answer(): void {
  const frame = done;
  done = [];
  process.stdout.write(`${JSON.stringify(frame)}\n`);
}

readFrames<Work[]>(process.stdin, (frame) => {
  for (const { key, input } of frame) {
    const began = monotonicMs();
    void noOp(input).then((output) => {
      if (done.push({ key, output, began }) === 1) setImmediate(answer);
    });
  }
});
process.stdin.on("end", () => process.exit(0));
process.stdout.write("[]\n");
