import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { consoleKindOf } from "../../src/adapters/logging/console-kind.ts";
import { createLogging, type LoggingOptions } from "../../src/adapters/logging/logging.ts";
import { systemClock } from "../../src/daemon/system-clock.ts";
import { CascadeError } from "../../src/kernel/errors.ts";
import { eventually } from "../support/eventually.ts";

let dir: string;
beforeEach(() => (dir = mkdtempSync(join(tmpdir(), "cascade-log-"))));
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function textStream(): Writable & { text: string } {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      stream.text += String(chunk);
      done();
    },
  }) as Writable & { text: string };
  stream.text = "";
  return stream;
}

function options(given: Partial<LoggingOptions> = {}) {
  const stdout = textStream();
  const stderr = textStream();
  const logs = join(dir, "logs");
  const defaults: LoggingOptions = {
    level: "info",
    dir: logs,
    maxSizeBytes: 1_000_000,
    keep: 5,
    console: "pipe",
    colour: false,
    stdout,
    stderr,
    clock: systemClock,
  };
  return { stdout, stderr, logs, options: { ...defaults, ...given } };
}

function linesIn(folder: string): Record<string, unknown>[] {
  return readdirSync(folder)
    .sort((left, right) => left.localeCompare(right, "en", { numeric: true }))
    .flatMap((name) => readFileSync(join(folder, name), "utf8").split("\n"))
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line));
}

describe("a line", () => {
  test("has the level as a word, the time in UTC, the component, and the fields under their names", async () => {
    const { options: given, logs } = options();
    const { logger, close } = await createLogging(given);
    logger.child("engine").info({ event: "run.ended", runId: "r1", durationMs: 12 }, "the run succeeded");
    await close();
    expect(linesIn(logs)).toEqual([
      {
        level: "info",
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        component: "engine",
        event: "run.ended",
        runId: "r1",
        durationMs: 12,
        msg: "the run succeeded",
      },
    ]);
  });

  test("shows an error with its code, message and next step, and a stack only where the error is a bug", async () => {
    const { options: given, logs } = options();
    const { logger, close } = await createLogging(given);
    logger.warn(
      { err: new CascadeError("PACKAGE_TRUNCATED", "it ends early", { cause: new Error("EOF") }) },
      "rejected",
    );
    logger.error({ err: new TypeError("x is undefined") }, "failed");
    logger.error({ err: "text" }, "failed");
    await close();
    const [rejected, bug, text] = linesIn(logs);
    expect(rejected?.["err"]).toEqual({
      code: "PACKAGE_TRUNCATED",
      message: "it ends early",
      hint: "The file ends early; copy it again.",
      cause: "EOF",
    });
    expect(bug?.["err"]).toMatchObject({ code: "INTERNAL", stack: expect.stringContaining("logging.test.ts") });
    expect(text?.["err"]).toMatchObject({ code: "INTERNAL", message: "text" });
  });

  test("with fields that have no JSON form does not make logging throw", async () => {
    const { options: given, logs } = options();
    const { logger, close } = await createLogging(given);
    const circle: Record<string, unknown> = { big: 1n };
    circle["self"] = circle;
    logger.info({ circle, none: undefined }, "odd");
    await close();
    expect(linesIn(logs)).toMatchObject([{ msg: "odd" }]);
  });
});

describe("the level", () => {
  test("changes for every logger at once, the components' as well", async () => {
    const { options: given, logs } = options();
    const { logger, setLevel, close } = await createLogging(given);
    const child = logger.child("registry");
    child.debug({}, "hidden");
    setLevel("debug");
    child.debug({}, "seen");
    setLevel("error");
    child.warn({}, "hidden");
    logger.error({}, "seen");
    await close();
    expect(linesIn(logs).map((line) => line["msg"])).toEqual(["seen", "seen"]);
  });
});

describe("the console", () => {
  test("is the journal only when standard output is the stream that systemd connected", () => {
    const stdout = { dev: 8, ino: 1234 };
    expect(consoleKindOf({ journalStream: "8:1234", stdout, stderrIsTerminal: false })).toBe("journal");
    expect(consoleKindOf({ journalStream: "8:9", stdout, stderrIsTerminal: true })).toBe("terminal");
    expect(consoleKindOf({ journalStream: undefined, stdout, stderrIsTerminal: false })).toBe("pipe");
  });

  test("gets JSON on standard output in the journal, and nothing on standard error", async () => {
    const { options: given, stdout, stderr } = options({ console: "journal" });
    const { logger, close } = await createLogging(given);
    logger.info({}, "hello");
    await close();
    expect(JSON.parse(stdout.text)).toMatchObject({ level: "info", msg: "hello" });
    expect(stderr.text).toBe("");
  });

  test("gets readable lines with code and next step on a terminal, while the file has JSON", async () => {
    const { options: given, stderr, logs } = options({ console: "terminal" });
    const { logger, close } = await createLogging(given);
    logger
      .child("registry")
      .warn({ file: "a.cascade", err: new CascadeError("PACKAGE_TRUNCATED", "it ends") }, "rejected");
    await close();
    expect(stderr.text).toMatch(
      /WARN.*registry: rejected\n +PACKAGE_TRUNCATED: it ends\n +The file ends early.*a\.cascade/,
    );
    expect(stderr.text).not.toContain("\u001b");
    expect(linesIn(logs)).toHaveLength(1);
  });

  test("that has gone away ends the talk there, and the file goes on", async () => {
    const broken = new Writable({ write: (_chunk, _encoding, done) => done(new Error("EPIPE")) });
    const { options: given, logs } = options({ stderr: broken });
    const { logger, flush, close } = await createLogging(given);
    logger.info({}, "one");
    await flush();
    logger.info({}, "two");
    await close();
    expect(linesIn(logs)).toHaveLength(2);
  });
});

describe("the files", () => {
  test("hold every line, in order, across rotations and a close right after a burst", async () => {
    const { options: given, logs } = options({ maxSizeBytes: 20_000, keep: 1_000 });
    const { logger, flush, close } = await createLogging(given);
    for (let number = 0; number < 3_000; number++) {
      logger.info({ number }, "a line of a burst");
      if (number % 100 === 0) await flush();
    }
    await close();
    await close();
    logger.info({}, "after the end");
    expect(linesIn(logs).map((line) => line["number"])).toEqual(Array.from({ length: 3_000 }, (_, number) => number));
    expect(readdirSync(logs).length).toBeGreaterThan(5);
  });

  test("are written at once: a flush is enough to read back what was said", async () => {
    const { options: given, logs } = options();
    const { logger, flush, close } = await createLogging(given);
    await flush();
    for (let number = 0; number < 50; number++) logger.info({ number }, "x");
    await flush();
    expect(linesIn(logs)).toHaveLength(50);
    await close();
  });

  test("of earlier processes count when old ones are removed, and other files stay", async () => {
    const { options: given, logs } = options({ keep: 3 });
    mkdirSync(logs);
    const old = [
      "cascade.2020-01-02.9.log",
      "cascade.2020-01-02.10.log",
      "cascade.2020-01-03.1.log",
      "cascade.2019-12-31.4.log",
    ];
    for (const name of [...old, "cascade.log", "notes.2020-01-01.1.log"]) writeFileSync(join(logs, name), "{}\n");
    const { logger, close } = await createLogging(given);
    logger.info({}, "new");
    await close();
    const names = readdirSync(logs);
    expect(names.filter((name) => /^cascade\.\d{4}/.test(name))).toEqual([
      "cascade.2020-01-02.10.log",
      "cascade.2020-01-03.1.log",
      expect.stringMatching(/^cascade\.20[2-9]\d-/),
    ]);
    expect(names).toContain("notes.2020-01-01.1.log");
    expect(names).toContain("cascade.log");
  });

  test("never number more than asked for while they rotate", async () => {
    const { options: given, logs } = options({ maxSizeBytes: 10_000, keep: 2 });
    const { logger, flush, close } = await createLogging(given);
    for (let number = 0; number < 600; number++) {
      logger.info({ number }, "a line that is long enough to fill a small file soon".repeat(3));
      if (number % 20 === 0) await flush();
    }
    await close();
    await eventually(() => expect(readdirSync(logs).length).toBeLessThanOrEqual(2));
    expect(linesIn(logs).at(-1)?.["number"]).toBe(599);
  });

  test("continue in the same file after a restart on the same day", async () => {
    const { options: given, logs } = options();
    for (const word of ["first", "second"]) {
      const { logger, close } = await createLogging(given);
      logger.info({}, word);
      await close();
    }
    expect(readdirSync(logs)).toHaveLength(1);
    expect(linesIn(logs).map((line) => line["msg"])).toEqual(["first", "second"]);
  });

  test("that cannot be opened leave the console as the only place, and say so there", async () => {
    const { options: given, stderr } = options();
    writeFileSync(join(dir, "logs"), "a file in the way");
    const { logger, close } = await createLogging(given);
    logger.info({}, "still here");
    await close();
    const lines = stderr.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines).toMatchObject([{ event: "log.failed", level: "error" }, { msg: "still here" }]);
  });

  test("on a full disk are named once on the console, and neither logging nor closing fails", async () => {
    const { options: given, stderr, logs } = options();
    mkdirSync(logs);
    const now = new Date();
    const today = [now.getFullYear(), now.getMonth() + 1, now.getDate()].map((part) => String(part).padStart(2, "0"));
    // Every write to /dev/full fails as on a full disk.
    symlinkSync("/dev/full", join(logs, `cascade.${today.join("-")}.1.log`));
    const { logger, flush, close } = await createLogging(given);
    for (const word of ["one", "two", "three"]) {
      logger.info({}, word);
      await flush();
    }
    await close();
    const lines = stderr.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(lines.filter((line) => line.event === "log.failed")).toHaveLength(1);
    expect(lines.map((line) => line.msg)).toEqual(expect.arrayContaining(["one", "two", "three"]));
  });
});

describe("an error in a line", () => {
  const lineOf = async (err: unknown) => {
    const { options: given, logs } = options();
    const { logger, close } = await createLogging(given);
    logger.warn({ event: "x.failed", err }, "it failed");
    await close();
    return linesIn(logs).at(-1)!["err"] as Record<string, unknown>;
  };

  test("has its own code, message and hint, also when it was written down before", async () => {
    const error = new CascadeError("PACKAGE_TRUNCATED", "the file ends early");
    const view = { code: "PACKAGE_TRUNCATED", message: "the file ends early", hint: error.hint };
    expect(await lineOf(error)).toEqual(view);
    expect(await lineOf(view)).toEqual(view);
  });

  test("is no bug of Cascade when the operating system refused something", async () => {
    const failing = (path: string) => {
      try {
        readFileSync(path);
      } catch (error) {
        return error;
      }
      throw new Error("it was read");
    };
    expect(await lineOf(failing(join(dir, "nothing")))).toMatchObject({ code: "IO_FAILED" });
    expect(await lineOf(failing(dir))).toMatchObject({ code: "IO_FAILED" });
    const denied = Object.assign(new Error("EACCES: permission denied, open '/x'"), {
      code: "EACCES",
      syscall: "open",
    });
    expect(await lineOf(denied)).toMatchObject({ code: "PERMISSION", message: denied.message });
    expect(await lineOf(new TypeError("x is not a function"))).toMatchObject({ code: "INTERNAL" });
  });

  test("and its message, and every field of it, are bounded, whatever a stranger put into them", async () => {
    const { options: given, logs } = options();
    const { logger, close } = await createLogging(given);
    const long = "ä".repeat(1_000_000);
    logger.warn(
      { event: "x.failed", workflow: long, err: new CascadeError("PACKAGE_INVALID", long, { hint: long }) },
      long,
    );
    await close();
    const [name] = readdirSync(logs);
    expect(readFileSync(join(logs, name!)).length).toBeLessThan(20_000);
    expect(linesIn(logs)[0]!["msg"]).toMatch(/^ä+… \(\d+ characters more\)$/);
  });
});
