import { existsSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createAttemptLogs } from "../../src/adapters/filesystem/attempt-logs.ts";
import { createTail } from "../../src/adapters/filesystem/log-tail.ts";
import { type LogFields, silentLogger } from "../../src/kernel/logger.ts";
import { tempFolder } from "../support/temp-folder.ts";

const attempt = { runId: "run-1", task: "load", number: 2, createdAt: Date.UTC(2024, 1, 3, 23, 59) };
const FILE = "2024/02/03/run-1/load.2.log";

function logsIn(root: string, max = 1_000_000) {
  return createAttemptLogs({ root, max, logger: silentLogger });
}

describe("the log of an attempt", () => {
  test("is a file by the day of its run, made only when something is written", async () => {
    const root = join(tempFolder(), "runs");
    const logs = logsIn(root);
    const silent = logs.open(attempt);
    silent.write("stdout", "");
    silent.end("-- succeeded after 1ms");
    await logs.flush();
    expect(existsSync(root)).toBe(false);
    expect(await logs.read(attempt, 0)).toBeUndefined();

    const log = logs.open(attempt);
    log.write("stdout", "one\ntw");
    log.write("stderr", "o\n");
    log.end("-- succeeded after 1ms");
    await logs.flush();
    expect(readFileSync(join(root, FILE), "utf8")).toBe("one\ntwo\n-- succeeded after 1ms\n");
  });

  test("begins the daemon's own lines and the last line at a line's start", async () => {
    const root = tempFolder();
    const logs = logsIn(root);
    const log = logs.open(attempt);
    log.write("stdout", "progress 10%");
    log.write("log", "info hello\n");
    log.write("stdout", "progress 20%");
    log.end("-- failed");
    expect((await logs.read(attempt, 0))?.text).toBe("progress 10%\ninfo hello\nprogress 20%\n-- failed\n");
  });

  test("can be read from an offset while it grows, and never in the middle of a character", async () => {
    const root = tempFolder();
    const logs = logsIn(root);
    const log = logs.open(attempt);
    log.write("stdout", "grün\n");
    const first = await logs.read(attempt, 0);
    expect(first).toEqual({ text: "grün\n", nextOffset: 6 });
    log.write("stdout", "more\n");
    log.end("-- end");
    expect(await logs.read(attempt, 6)).toEqual({ text: "more\n-- end\n", nextOffset: 18 });
    expect(await logs.read(attempt, 18)).toEqual({ text: "", nextOffset: 18 });
    expect(await logs.read(attempt, 1_000)).toEqual({ text: "", nextOffset: 1_000 });

    writeFileSync(join(root, FILE), Buffer.from("a𝄞").subarray(0, 3));
    expect(await logs.read(attempt, 0)).toEqual({ text: "a", nextOffset: 1 });
  });

  test("keeps head and tail when there is more than the limit, and says how much it left out", async () => {
    const root = tempFolder();
    const logs = logsIn(root, 10_000);
    const log = logs.open(attempt);
    const line = (number: number) => `line ${String(number).padStart(6, "0")}\n`;
    const count = 10_000;
    for (let number = 0; number < count; number++) log.write("stdout", line(number));
    log.end("-- succeeded");
    const text = (await logs.read(attempt, 0))!.text;
    expect(text.length).toBeLessThan(10_200);
    expect(text.startsWith(line(0) + line(1))).toBe(true);
    expect(text.endsWith(`${line(count - 1)}-- succeeded\n`)).toBe(true);
    const lines = text.split("\n");
    const left = /^-- (\d+) bytes left out --$/.exec(lines.find((each) => each.includes("left out"))!);
    const kept = lines.filter((each) => each.startsWith("line")).length;
    expect(Number(left?.[1])).toBe((count - kept) * line(0).length);
    for (const each of lines.filter((found) => found.startsWith("line"))) expect(each).toHaveLength(11);
  });

  test("of a task whose name has a slash stays in its run's folder", async () => {
    const root = tempFolder();
    const logs = logsIn(root);
    const log = logs.open({ ...attempt, task: "../../x/y" });
    log.write("stdout", "x\n");
    log.end("-- end");
    await logs.flush();
    expect(readdirSync(join(root, "2024/02/03/run-1"))).toEqual(["..%2F..%2Fx%2Fy.2.log"]);
  });

  test("that cannot be written is said once and stops nothing", async () => {
    const root = join(tempFolder(), "file");
    writeFileSync(root, "not a folder");
    const said: LogFields[] = [];
    const logger = { ...silentLogger, error: (fields: LogFields) => void said.push(fields) };
    const logs = createAttemptLogs({ root, max: 100, logger });
    for (const number of [1, 2]) {
      const log = logs.open({ ...attempt, number });
      log.write("stdout", "lost\n");
      log.write("stdout", "lost\n");
      log.end("-- end");
    }
    await logs.flush();
    expect(said.map(({ event }) => event)).toEqual(["task_log.failed"]);
  });

  test("whatever is written below the limit is kept as it is", async () => {
    const root = tempFolder();
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.string({ unit: "grapheme" })), async (texts) => {
        const logs = logsIn(root);
        const name = { ...attempt, runId: `run-${++runs}` };
        const log = logs.open(name);
        for (const text of texts) log.write("stdout", text);
        log.end("-- end");
        const whole = texts.join("");
        const expected = whole === "" ? undefined : `${whole}${whole.endsWith("\n") ? "" : "\n"}-- end\n`;
        expect((await logs.read(name, 0))?.text).toBe(expected);
      }),
      { numRuns: 50 },
    );
  });
});

describe("the tail of a log", () => {
  test("is the end of what was added, in bounded memory, and counts what it dropped", () => {
    fc.assert(
      fc.property(fc.array(fc.stringMatching(/^[a-z]{0,20}\n?$/)), fc.integer({ min: 64, max: 300 }), (texts, max) => {
        const tail = createTail(max);
        for (const text of texts) tail.add(text);
        const { text, lost } = tail.take();
        const whole = texts.join("");
        expect(whole.endsWith(text)).toBe(true);
        expect(text.length + lost).toBe(whole.length);
        expect(text.length).toBeLessThanOrEqual(max + 25);
        if (lost > 0 && text.includes("\n") && whole.length - lost < max) expect(whole[lost - 1]).toBe("\n");
      }),
    );
  });
});
