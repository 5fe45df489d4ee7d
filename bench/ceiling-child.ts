import { monotonicMs } from "./statistics.ts";

/** A task process and nothing else: answers each line `{"key", "value"}` with the value plus one and the time it began. */
let rest = "";
process.stdin.setEncoding("utf8");
process.stdin.on("data", (text: string) => {
  const lines = (rest + text).split("\n");
  rest = lines.pop() ?? "";
  for (const line of lines) {
    const began = monotonicMs();
    const { key, value } = JSON.parse(line) as { key: number; value: number };
    process.stdout.write(`${JSON.stringify({ key, began, output: { value: value + 1 } })}\n`);
  }
});
process.stdin.on("end", () => process.exit(0));
