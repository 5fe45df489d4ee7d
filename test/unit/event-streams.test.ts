import { once } from "node:events";
import { get, type IncomingMessage, type Server } from "node:http";
import { join } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { describe, expect, it, onTestFinished } from "vitest";
import type { CascadeEvent } from "../../src/app/application.ts";
import { createEventBus } from "../../src/app/event-bus.ts";
import { createEventStreams, type EventFilter } from "../../src/http/event-streams.ts";
import { answerInPieces } from "../../src/http/node-exchange.ts";
import { eventually } from "../support/eventually.ts";
import { createFakeClock } from "../support/fake-clock.ts";
import { tempFolder } from "../support/temp-folder.ts";

const changed = (runId: string): CascadeEvent => ({
  name: "run.changed",
  runId,
  workflow: "pack/flow",
  state: "running",
  at: 0,
});

/** What a client sees of the stream: the next piece, undefined after the last one. */
interface Seen {
  next(): Promise<string | undefined>;
  leave(): void;
}

async function inThisProcess(app: Hono): Promise<Seen> {
  const reader = (await app.request("/")).body!.getReader();
  const next = async () => {
    const { value } = await reader.read();
    return value && new TextDecoder().decode(value as Uint8Array);
  };
  return { next, leave: () => void reader.cancel() };
}

async function overASocket(app: Hono): Promise<Seen> {
  const server = createAdaptorServer({ fetch: app.fetch, overrideGlobalObjects: false }) as Server;
  const socketPath = join(tempFolder(), "events.sock");
  await once(server.listen(socketPath), "listening");
  const [response] = (await once(get({ socketPath }), "response")) as [IncomingMessage];
  onTestFinished(() => {
    response.destroy();
    server.closeAllConnections();
    server.close();
  });
  const pieces = response.setEncoding("utf8")[Symbol.asyncIterator]();
  const next = async () => (await pieces.next()).value as string | undefined;
  return { next, leave: () => void response.destroy() };
}

describe.each([
  ["in this process", inThisProcess],
  ["over a socket", overASocket],
])("a stream of events %s", (_where, see) => {
  async function open(filter: EventFilter = {}) {
    const bus = createEventBus();
    const clock = createFakeClock();
    const streams = createEventStreams(bus, clock);
    const app = new Hono();
    app.get("/", (c) => streams.open(filter, (headers, onGone) => answerInPieces(c, headers, onGone)));
    return { bus, clock, streams, ...(await see(app)) };
  }

  it("begins with a comment, so that a client knows from when on it misses nothing", async () => {
    const { bus, next } = await open();
    expect(await next()).toBe(":\n\n");
    bus.publish(changed("a"));
    expect(await next()).toBe(
      'event: run.changed\ndata: {"runId":"a","workflow":"pack/flow","state":"running","at":"1970-01-01T00:00:00.000Z"}\n\n',
    );
  });

  it("sends a comment every 15 seconds", async () => {
    const { clock, next } = await open();
    await next();
    await clock.advance(15_000);
    expect(await next()).toBe(":\n\n");
    expect(clock.pending()).toBe(1);
  });

  it("sends the events of one run when one is named", async () => {
    const { bus, next } = await open({ run: "b" });
    await next();
    bus.publish(changed("a"));
    bus.publish({ name: "daemon.changed", state: "draining", at: 0 });
    bus.publish(changed("b"));
    expect(await next()).toContain('"runId":"b"');
  });

  it("leaves nothing behind when the client goes, and when the server closes", async () => {
    const gone = await open();
    gone.leave();
    await eventually(() => gone.clock.pending() === 0);
    gone.bus.publish(changed("a"));
    const closed = await open();
    closed.streams.close();
    await closed.next();
    expect(await closed.next()).toBeUndefined();
    expect(closed.clock.pending()).toBe(0);
  });

  it("sends only events of the names that are given", async () => {
    const { bus, next } = await open({ names: ["daemon.changed", "package.loaded"] });
    await next();
    bus.publish(changed("a"));
    bus.publish({ name: "daemon.changed", state: "draining", at: 0 });
    const text = await next();
    expect(text).toContain("daemon.changed");
    expect(text).not.toContain("run.changed");
  });

  it("sends what is published at once in one piece", async () => {
    const { bus, next } = await open();
    await next();
    for (const run of ["a", "b", "c"]) bus.publish(changed(run));
    expect((await next())?.match(/^event: /gm)).toHaveLength(3);
  });

  it("cuts off a client that does not read, instead of keeping its events for ever", async () => {
    const { bus, clock, next } = await open();
    const published = 40_000;
    for (let turn = 0; turn < published; turn += 100) {
      for (let count = 0; count < 100; count++) bus.publish(changed("a".repeat(1_000)));
      await Promise.resolve();
    }
    expect(clock.pending()).toBe(0);
    let received = 0;
    for (let text = await next(); text !== undefined; text = await next()) received += text.length;
    expect(received).toBeGreaterThan(16e6);
    expect(received).toBeLessThan(18e6);
  });
});
