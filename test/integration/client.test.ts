import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { followLogs } from "../../src/client/follow-logs.ts";
import { followRun } from "../../src/client/follow-run.ts";
import { applicationRoom, servedBy, workflowIn } from "../support/application-room.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { realClock } from "../support/real-clock.ts";
import { servedSocket } from "../support/served-socket.ts";
import { tempFolder } from "../support/temp-folder.ts";

function gate() {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { open: () => open(), opened };
}

describe("the client", () => {
  it("says that nobody listens where there is no socket, or a dead one", async () => {
    const client = createClient(join(tempFolder(), "none.sock"));
    await expect(client.status()).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
    await expect(client.events().next()).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });

  it("says that the daemon was lost when it goes away in the middle of an answer", async () => {
    const path = join(tempFolder(), "rude.sock");
    const server = createServer((socket) =>
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{");
        socket.destroySoon();
      }),
    ).listen(path);
    onTestFinished(() => void server.close());
    const client = createClient(path);
    await expect(client.status()).rejects.toMatchObject({ code: "DAEMON_LOST" });
    client.close();
  });

  it("reports an answer that is not the daemon's without believing it", async () => {
    const path = join(tempFolder(), "other.sock");
    const server = createServer((socket) =>
      socket.once("data", () => socket.end("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\nhaha")),
    ).listen(path);
    onTestFinished(() => void server.close());
    await expect(createClient(path).status()).rejects.toMatchObject({ code: "INTERNAL", message: /500: haha/ });
  });
});

describe("following a run", () => {
  async function open() {
    const door = gate();
    const room = await applicationRoom({ a: () => door.opened, b: () => "done" });
    await room.serve(servedBy([workflowIn("pack", "flow", { tasks: ["a", "b"] })]));
    const served = await servedSocket(room.application);
    return { room, door, ...served };
  }

  it("shows changes and resolves to the ended run", async () => {
    const { client, door } = await open();
    const begun = await client.startRun({ workflow: "flow", params: {} });
    const states: string[] = [];
    const following = followRun(client, begun, {
      clock: realClock,
      onRun: ({ tasks }) => void states.push(tasks.map(({ state }) => state).join(" ")),
    });
    await eventually(() => states.includes("running blocked"));
    door.open();
    expect((await following).state).toBe("succeeded");
    expect(states.at(-1)).toBe("succeeded succeeded");
  });

  it("resolves at once for a run that has ended", async () => {
    const { client, door } = await open();
    door.open();
    const begun = await client.startRun({ workflow: "flow", params: {} });
    await eventually(async () => (await client.run(begun.id)).endedAt !== null);
    expect((await followRun(client, begun, { clock: realClock })).state).toBe("succeeded");
  });

  it("goes on when the daemon comes back within 30 seconds", async () => {
    const { room, client, server, path, door } = await open();
    const begun = await client.startRun({ workflow: "flow", params: {} });
    let looks = 0;
    let losses = 0;
    const following = followRun(client, begun, {
      clock: realClock,
      onRun: () => void looks++,
      onLost: () => void losses++,
    });
    await eventually(() => looks > 0);
    await server.stop();
    await eventually(() => losses === 1);
    door.open();
    await servedSocket(room.application, path);
    expect((await following).state).toBe("succeeded");
    expect(losses).toBe(1);
  });

  it("gives up on a daemon that stays away for 30 seconds", async () => {
    const { client, server } = await open();
    const begun = await client.startRun({ workflow: "flow", params: {} });
    const clock = createFakeClock();
    const startedAt = clock.now();
    const following = followRun(client, begun, { clock }).catch((error: unknown) => error);
    await server.stop();
    let isOver = false;
    void following.then(() => (isOver = true));
    await eventually(async () => {
      await clock.advance(250);
      return isOver;
    });
    expect(await following).toMatchObject({ code: "DAEMON_LOST" });
    expect(clock.now() - startedAt).toBeGreaterThanOrEqual(30_000);
  });

  it("stops following when told to and leaves the run alone", async () => {
    const { client, door } = await open();
    const begun = await client.startRun({ workflow: "flow", params: {} });
    const abort = new AbortController();
    const following = followRun(client, begun, { clock: realClock, signal: abort.signal, onRun: () => abort.abort() });
    expect((await following).endedAt).toBeNull();
    door.open();
    await eventually(async () => (await client.run(begun.id)).state === "succeeded");
  });

  it("hands on every piece of the logs once, until the run has ended and all is read", async () => {
    const { room, client, door } = await open();
    const begun = await client.startRun({ workflow: "flow", params: {} });
    const texts: string[] = [];
    const following = followLogs(client, begun, null, {
      clock: realClock,
      onChunk: ({ task, text }) => void texts.push(`${task}: ${text}`),
    });
    await eventually(async () => (await client.run(begun.id)).tasks[0]!.state === "running");
    room.logs.set("a.1", "one\n");
    await eventually(() => texts.length === 1);
    room.logs.set("a.1", "one\ntwo\n").set("b.1", "three\n");
    door.open();
    expect((await following).state).toBe("succeeded");
    expect(texts.join("")).toMatch(/^a: one\na: two\n(b: three\n)$/);
  });
});
