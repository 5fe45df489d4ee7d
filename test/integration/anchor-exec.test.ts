import { describe, expect, it } from "vitest";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createRunCommand } from "../../src/adapters/anchors/run-command.ts";
import { createExecAnchor } from "../../src/proofs/anchors/exec-anchor.ts";
import { eventually } from "../support/eventually.ts";
import { growingLog } from "../support/growing-log.ts";
import { realClock } from "../support/real-clock.ts";
import { tempFolder } from "../support/temp-folder.ts";

const run = createRunCommand(realClock);

async function show(
  script: string,
  { timeoutMs = 10_000, signal = new AbortController().signal, command = [] as string[] } = {},
) {
  const log = growingLog();
  const head = await log.grow(3);
  const argv = command.length > 0 ? command : ["/bin/sh", "-c", script];
  const environment = { PATH: process.env["PATH"] ?? "" };
  const anchor = createExecAnchor({ name: "any", everyMs: 1, timeoutMs, command: argv, environment }, run);
  const anchoring = await anchor.step(log.show(head), null, signal);
  return { checkpoint: head.checkpoint, receipt: Buffer.from(anchoring.done ? anchoring.receipt : []).toString() };
}

describe("a command", () => {
  it("is given the checkpoint and its place, and its output is the receipt", async () => {
    const { checkpoint, receipt } = await show('cat; echo "$CASCADE_TLOG_ORIGIN $CASCADE_TLOG_SIZE"; env | wc -l >&2');
    expect(receipt).toBe(`${checkpoint}log.test 3\n`);
  });

  it("may leave its input unread", async () => {
    expect((await show("echo seen")).receipt).toBe("seen\n");
  });

  it.each([
    ["fails", "echo first >&2; echo the reason >&2; exit 3", "ended with 3: the reason"],
    ["is killed", "kill -9 $$", "ended with SIGKILL"],
    ["writes nothing", "true", "wrote no receipt"],
    ["writes without end", "exec yes", "wrote more than 1048576 bytes"],
    ["does not end", "sleep 60", "did not end within 300 ms"],
  ])("that %s is no anchor", async (_what, script, message) => {
    const timeoutMs = script === "sleep 60" ? 300 : 10_000;
    await expect(show(script, { timeoutMs })).rejects.toMatchObject({ message: expect.stringContaining(message) });
  });

  it("that is not there is no anchor", async () => {
    await expect(show("", { command: ["/no/such/program"] })).rejects.toMatchObject({ code: "ANCHOR_UNREACHABLE" });
  });

  it("ends with its whole process group when the daemon stops", async () => {
    const pid = join(tempFolder(), "pid");
    const stopping = new AbortController();
    const shown = show(`sleep 60 & echo $! > ${pid}; wait`, { signal: stopping.signal });
    shown.catch(() => undefined);
    const child = await eventually(() => existsSync(pid) && Number(readFileSync(pid, "utf8")));
    stopping.abort();
    await expect(shown).rejects.toMatchObject({ message: expect.stringContaining("the daemon stops") });
    await eventually(
      () => !existsSync(`/proc/${child}`) || /State:\s+Z/.test(readFileSync(`/proc/${child}/status`, "utf8")),
    );
  });

  it("that leaves someone behind with its output is not waited for", async () => {
    const started = Date.now();
    const { receipt } = await show("setsid sleep 3 & echo done");
    expect(receipt).toBe("done\n");
    expect(Date.now() - started).toBeLessThan(2_500);
  });
});
