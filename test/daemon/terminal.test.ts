import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { builtProgram } from "../support/built-program.ts";
import { daemonLog, dataFolder, startDaemon } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { skipsAllowed } from "../support/skipping.ts";

/** Gives its command a terminal of its own, which hangs up when it dies itself. */
const TERMINAL = "script";
const hasTerminal = spawnSync(TERMINAL, ["--version"]).status === 0;

function events(data: string): unknown[] {
  return daemonLog(data, readdirSync(join(data, "logs"))).map((line) => line["event"]);
}

test.skipIf(!hasTerminal && skipsAllowed)(
  "a daemon whose terminal is closed drains and ends, and does not reload",
  async () => {
    const data = dataFolder();
    const command = `exec ${process.execPath} ${builtProgram()} daemon --data ${data}`;
    const terminal = spawn(TERMINAL, ["-qfc", command, "/dev/null"], {
      env: { PATH: process.env["PATH"], HOME: data, SHELL: "/bin/sh" },
      stdio: ["pipe", "pipe", "ignore"],
    });
    let shown = "";
    terminal.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
    const client = createClient(join(data, "cascade.sock"));
    try {
      await eventually(async () => (await client.status()).state === "running", { timeoutMs: 20_000 });
      terminal.kill("SIGKILL");
      await once(terminal, "exit");
      await eventually(() => expect(events(data)).toContain("daemon.stopped"), { timeoutMs: 20_000 });
    } finally {
      terminal.kill("SIGKILL");
      client.close();
    }
    expect(events(data)).toContain("daemon.draining");
    expect(events(data)).not.toContain("config.reloaded");
    expect(shown).not.toContain('{"level"');
  },
);

test("a daemon that was started without a terminal reloads on SIGHUP", async () => {
  const data = dataFolder();
  const daemon = await startDaemon({ data });
  daemon.signal("SIGHUP");
  await eventually(() => expect(events(data)).toContain("config.reloaded"));
  expect(await daemon.stop()).toEqual({ code: 0, signal: null });
});
