import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { expect, test } from "vitest";

const INIT = join(import.meta.dirname, "../../bin/cascade-init");

test("it ends as its command does, and says how it is called", async () => {
  for (const [args, code] of [
    [["sh", "-c", "exit 7"], 7],
    [["true"], 0],
    [[], 64],
  ] as const) {
    expect(await once(spawn(INIT, args, { stdio: "ignore" }), "exit")).toEqual([code, null]);
  }
});

test("it hands signals on, as often as they come, and waits for the end that follows", async () => {
  const script = "trap 'echo term' TERM; trap 'echo hup; exit 3' HUP; echo ready; while :; do sleep 0.05; done";
  const init = spawn(INIT, ["sh", "-c", script], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  init.stdout.on("data", (chunk: Buffer) => {
    said += chunk.toString();
    if (said === "ready\n" || said === "ready\nterm\n") init.kill("SIGTERM");
    if (said === "ready\nterm\nterm\n") init.kill("SIGHUP");
  });
  expect(await once(init, "exit")).toEqual([3, null]);
  expect(said).toBe("ready\nterm\nterm\nhup\n");
});
