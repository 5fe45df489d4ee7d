import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { applicationRoom, loadedPackage, servedBy, workflowIn } from "../support/application-room.ts";
import { testTerminal } from "../support/cli-io.ts";
import { eventually } from "../support/eventually.ts";
import { schedule } from "../support/schedules.ts";
import { servedSocket } from "../support/served-socket.ts";

const ESC = "\u001b";

async function open(
  tasks: Parameters<typeof applicationRoom>[0] = {
    a: () => 1,
    b: () => 2,
    bad: () => {
      throw new Error("broken\nin two lines");
    },
  },
  change: Parameters<typeof testTerminal>[1] = {},
) {
  const room = await applicationRoom(tasks);
  const hourly = schedule({
    id: "pack/flow/hourly",
    name: "hourly",
    cron: "0 * * * *",
    nextAt: Date.UTC(2026, 0, 1, 1),
  });
  const workflows = [workflowIn("pack", "flow", { tasks: ["a", "b"] }), workflowIn("pack", "sad", { tasks: ["bad"] })];
  await room.serve(servedBy(workflows, [hourly]), loadedPackage("pack"));
  const served = await servedSocket(room.application, join(room.folder, "cascade.sock"));
  const terminal = testTerminal(room.folder, { environment: { CASCADE_DATA: room.folder }, ...change });
  return { room, ...served, terminal };
}

describe("starting runs from the command line", () => {
  it("prints the id alone on stdout, and how to follow it on stderr", async () => {
    const { terminal, client } = await open();
    const { code, out, err } = await terminal.run("run", "start", "flow", "-p", "n=1", "-p", "text=a b");
    expect(code).toBe(0);
    expect(err).toContain(`cascade logs ${out.trim()} -f`);
    expect((await client.run(out.trim())).params).toEqual({ n: "1", text: "a b" });
  });

  it("waits for the end and exits by it, with a plain line per change of a task", async () => {
    const { terminal } = await open();
    const good = await terminal.run("run", "start", "flow", "--wait");
    expect(good.code).toBe(0);
    expect(good.err).toMatch(/b succeeded/);
    expect(good.err).toMatch(/run [0-9a-f-]{36} succeeded/);
    expect(good.err).not.toContain(ESC);
    const bad = await terminal.run("run", "start", "sad", "--wait");
    expect(bad.code).toBe(1);
    expect(bad.err).toMatch(/^bad failed \d+ms: broken$/m);
    expect(bad.err).toContain("TASK_FAILED");
  });

  it("prints the ended run with --wait --json, and nothing else on stdout", async () => {
    const { terminal } = await open();
    const { code, out } = await terminal.run("run", "start", "sad", "--wait", "--json");
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({
      workflow: "pack/sad",
      state: "failed",
      tasks: [
        { id: "bad", attempts: [{ number: 1, outcome: "failed", error: { code: "TASK_FAILED" } }], output: null },
      ],
    });
  });

  it("draws the tasks in place on a terminal, without colours when NO_COLOR says so", async () => {
    const look = (environment: Record<string, string>) => ({ errIsTerminal: true, environment });
    const { room, terminal } = await open(undefined, {});
    const colourful = testTerminal(room.folder, look({ CASCADE_DATA: room.folder }));
    const drawn = await colourful.run("run", "start", "flow", "--wait");
    expect(drawn.err).toContain(`${ESC}[2K✓ a`);
    expect(drawn.err).toContain(`${ESC}[32msucceeded${ESC}[39m`);
    const plain = testTerminal(room.folder, look({ CASCADE_DATA: room.folder, NO_COLOR: "1" }));
    expect((await plain.run("run", "start", "flow", "--wait")).err).not.toMatch(/\u001b\[\d+m/);
    expect((await terminal.run("run", "start", "flow", "--wait")).err).not.toContain("✓");
  });

  it("detaches at Ctrl-C with 130 and says how to go on; the run goes on", async () => {
    let release = (): void => undefined;
    const { terminal, client } = await open({
      a: () => new Promise<void>((resolve) => (release = resolve)),
      b: () => 1,
    });
    const waiting = terminal.run("run", "start", "flow", "--wait");
    await eventually(() => terminal.err().includes("a running"));
    terminal.interrupt();
    const { code, out, err } = await waiting;
    expect(code).toBe(130);
    expect(err).toContain(`cascade logs ${out.trim()} -f`);
    release();
    await eventually(async () => (await client.run(out.trim())).state === "succeeded");
  });

  it("follows the logs with --follow, each line behind its attempt", async () => {
    const { room, terminal } = await open();
    room.logs.set("a.1", "one\ntwo\n").set("b.1", "three");
    const { code, out } = await terminal.run("run", "start", "flow", "--follow");
    expect(code).toBe(0);
    expect(out).toBe("a.1 | one\na.1 | two\nb.1 | three\n");
  });

  it("returns the first run of a key, and exits 65 when its params differ", async () => {
    const { terminal } = await open();
    const first = await terminal.run("run", "start", "flow", "--key", "k");
    expect((await terminal.run("run", "start", "flow", "--key", "k")).out).toBe(first.out);
    const reused = await terminal.run("run", "start", "flow", "--key", "k", "-p", "n=1");
    expect(reused).toMatchObject({ code: 65, out: "" });
    expect(reused.err).toMatch(/^error KEY_REUSED: .*\nhint: .*\n$/);
  });

  it("exits 75 while the daemon drains", async () => {
    const { room, terminal } = await open();
    await room.bench.engine.drain(0);
    expect(await terminal.run("run", "start", "flow")).toMatchObject({ code: 75, out: "" });
  });
});

describe("looking from the command line", () => {
  const lists: [string, string][] = [
    ["package", "list"],
    ["workflow", "list"],
    ["schedule", "list"],
    ["schedule", "preview"],
    ["run", "list"],
  ];

  it.each(lists)("prints %s %s as a table or as a JSON array", async (noun, verb) => {
    const { terminal } = await open();
    await terminal.run("run", "start", "flow", "--wait");
    const table = await terminal.run(noun, verb);
    expect(table.code).toBe(0);
    expect(table.out).toMatch(/^[A-Z]+ /);
    expect(table.out).not.toMatch(/\t|\u001b| \n/);
    expect(JSON.parse((await terminal.run(noun, verb, "--json")).out)).toBeInstanceOf(Array);
  });

  it("shows one thing of each kind, for people and as a JSON object", async () => {
    const { terminal } = await open();
    const id = (await terminal.run("run", "start", "sad", "--wait")).out.trim();
    const shows = [
      ["status"],
      ["package", "show", "pack"],
      ["workflow", "show", "flow"],
      ["run", "show", id.slice(-8)],
      ["run", "why", id],
      ["proof", "show", id],
    ];
    for (const argv of shows) {
      expect(await terminal.run(...argv), argv.join(" ")).toMatchObject({ code: 0 });
      expect(JSON.parse((await terminal.run(...argv, "--json")).out), argv.join(" ")).toBeTypeOf("object");
    }
    expect((await terminal.run("run", "show", id)).out).toContain("TASK_FAILED: broken");
    expect((await terminal.run("package", "list")).err).toContain("PACKAGE_TRUNCATED: the file ends early");
  });

  it("says which data folder it looks into, and why", async () => {
    const { room, terminal } = await open();
    expect((await terminal.run("status")).out).toContain("(CASCADE_DATA)");
    expect((await testTerminal("/").run("status", "--data", room.folder)).out).toContain("(--data)");
  });

  it("pauses and resumes, removes and stops", async () => {
    const { room, terminal } = await open();
    expect((await terminal.run("workflow", "pause", "flow")).out).toBe("pack/flow is paused\n");
    expect((await terminal.run("workflow", "resume", "flow")).out).toBe("pack/flow is active\n");
    expect((await terminal.run("schedule", "pause", "hourly")).out).toBe("pack/flow/hourly is paused\n");
    expect((await terminal.run("schedule", "resume", "hourly")).out).toBe("pack/flow/hourly is active\n");
    room.removal.report = { removed: [{ folder: "/w", name: "p.cascade" }], refused: [] };
    expect((await terminal.run("package", "remove", "pack")).out).toBe("/w/p.cascade\n");
    expect((await terminal.run("reload")).out).toBe("configuration 2: drain\n");
    expect((await terminal.run("stop")).code).toBe(0);
    expect(room.stops).toBe(1);
  });

  it("gives the same answers from the data folder of a stopped daemon, and reaches no commands there", async () => {
    const { room, server, terminal } = await open();
    const id = (await terminal.run("run", "start", "flow", "--wait")).out.trim();
    const questions = [...lists, ["run", "show", id], ["workflow", "show", "pack/flow"], ["package", "show", "pack"]];
    const living: string[] = [];
    for (const argv of questions) living.push((await terminal.run(...argv, "--json")).out);
    await server.stop();
    for (const [index, argv] of questions.entries()) {
      expect((await terminal.run(...argv, "--json")).out, argv.join(" ")).toBe(living[index]);
    }
    expect(JSON.parse((await terminal.run("status", "--json")).out)).toMatchObject({
      state: "stopped",
      pid: null,
      dataDir: room.folder,
      packages: { loaded: 1, rejected: 1 },
    });
    for (const argv of [["run", "start", "flow"], ["run", "cancel", id], ["workflow", "pause", "flow"], ["reload"]]) {
      expect((await terminal.run(...argv)).code, argv.join(" ")).toBe(69);
    }
  });

  it("shows names from outside without the codes that would move a terminal's cursor", async () => {
    const { terminal } = await open();
    const { err } = await terminal.run("run", "start", `x${ESC}[2Jy`);
    expect(err).toContain("x\\x1b[2Jy");
    expect(err).not.toContain(ESC);
  });
});
