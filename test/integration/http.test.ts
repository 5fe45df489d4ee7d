import { existsSync, mkdirSync, statSync, writeFileSync } from "node:fs";
import { request as httpRequest } from "node:http";
import { createServer } from "node:net";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { CascadeEvent } from "../../src/app/application.ts";
import { applicationRoom, servedBy, workflowIn } from "../support/application-room.ts";
import { eventually } from "../support/eventually.ts";
import { servedSocket } from "../support/served-socket.ts";
import { tempFolder } from "../support/temp-folder.ts";

interface Answer {
  status: number;
  headers: Record<string, unknown>;
  /** Whatever the answer's JSON is. */
  body: ReturnType<typeof JSON.parse>;
}

/** A request as any HTTP client would send it. */
function send(
  socketPath: string,
  method: string,
  path: string,
  body?: string | Buffer,
  chunked = false,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined || chunked ? {} : { "content-length": Buffer.byteLength(body) };
    const request = httpRequest({ socketPath, method, path: `/api/v1${path}`, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode!,
          headers: response.headers,
          body: text === "" ? null : JSON.parse(text),
        });
      });
    });
    request.on("error", reject);
    request.end(body);
  });
}

async function open(tasks?: Parameters<typeof applicationRoom>[0]) {
  const room = await applicationRoom(tasks);
  await room.serve(servedBy([workflowIn("pack", "flow", { params: { type: "object", required: ["n"] } })]));
  const served = await servedSocket(room.application);
  const ask = (method: string, path: string, body?: string | Buffer, chunked?: boolean) =>
    send(served.path, method, path, body, chunked);
  return { room, ...served, ask };
}

describe("the API on the socket", () => {
  it("answers 201 with the run that was started, and pages of what is listed", async () => {
    const { ask } = await open();
    const started = await ask("POST", "/runs", JSON.stringify({ workflow: "flow", params: { n: 1 }, key: "k" }));
    expect(started).toMatchObject({ status: 201, body: { workflow: "pack/flow", key: "k", params: { n: 1 } } });
    const batch = await ask("POST", "/runs:batch", JSON.stringify({ runs: [{ workflow: "flow", params: { n: 2 } }] }));
    expect(batch).toMatchObject({ status: 201, body: { runs: [{ id: expect.any(String) }] } });
    expect((await ask("GET", "/runs?limit=1&workflow=flow")).body).toMatchObject({
      items: [{ id: batch.body.runs[0].id }],
      nextCursor: expect.any(String),
    });
    expect((await ask("GET", "/workflows/pack%2Fflow")).body).toMatchObject({ id: "pack/flow" });
    for (const path of ["/packages", "/workflows", "/schedules", "/upcoming"]) {
      expect((await ask("GET", path)).body, path).toMatchObject({ items: expect.any(Array), nextCursor: null });
    }
    expect((await ask("POST", "/stop")).status).toBe(202);
  });

  it("answers a mistake with a problem that has a code, a hint and the place", async () => {
    const { ask } = await open();
    const refused = await ask("POST", "/runs", JSON.stringify({ workflow: "flow" }));
    expect(refused.status).toBe(422);
    expect(refused.headers["content-type"]).toBe("application/problem+json");
    expect(refused.body).toMatchObject({
      type: "urn:cascade:error:PARAMS_INVALID",
      title: "PARAMS_INVALID",
      status: 422,
      code: "PARAMS_INVALID",
      detail: expect.stringContaining("required property 'n'"),
      hint: expect.any(String),
      problems: [{ place: "/", code: "PARAMS_INVALID" }],
    });
  });

  it.each([
    ["POST", "/runs", "{", 400, "JSON_INVALID"],
    ["POST", "/runs", "[]", 422, "FIELD_INVALID"],
    ["POST", "/runs", "", 422, "FIELD_INVALID"],
    ["POST", "/runs", '{"workflow": 1}', 422, "FIELD_INVALID"],
    ["POST", "/runs", '{"workflow": "flow", "parms": {}}', 422, "FIELD_UNKNOWN"],
    ["POST", "/runs", '{"workflow": "flow", "key": 3}', 422, "FIELD_INVALID"],
    ["POST", "/runs", `{"workflow": "flow", "key": "${"k".repeat(256)}", "params": {"n": 1}}`, 400, "USAGE"],
    ["POST", "/runs", `{"workflow": "flow", "params": ${"[".repeat(100)}${"]".repeat(100)}}`, 400, "JSON_INVALID"],
    ["POST", "/runs", '{"workflow": "flow", "params": {"n": "\\ud800"}}', 400, "JSON_INVALID"],
    ["POST", "/runs", '{"workflow": "nope", "params": {}}', 404, "WORKFLOW_UNKNOWN"],
    ["POST", "/runs:batch", '{"runs": {}}', 422, "FIELD_INVALID"],
    ["POST", "/runs:batch", '{"runs": [1]}', 422, "FIELD_INVALID"],
    ["POST", "/runs/abcdef/replay", '{"mask": ["/a", 1]}', 422, "FIELD_INVALID"],
    ["POST", "/runs/abcdef/replay", '{"task": 1}', 422, "FIELD_INVALID"],
    ["POST", "/runs/abcdef/replay", '{"tasks": []}', 422, "FIELD_UNKNOWN"],
    ["POST", "/runs/abcdef/logs", '{"offsets": {"a.1": -1}}', 422, "FIELD_INVALID"],
    ["GET", "/runs?limit=0", undefined, 400, "USAGE"],
    ["GET", "/runs?limit=x", undefined, 400, "USAGE"],
    ["GET", "/runs?state=lost", undefined, 400, "USAGE"],
    ["GET", "/runs?cursor=bogus", undefined, 400, "CURSOR_INVALID"],
    ["GET", "/proofs?cursor=bogus", undefined, 400, "CURSOR_INVALID"],
    ["GET", "/proofs?workflow=flow&cursor=-1", undefined, 400, "CURSOR_INVALID"],
    ["GET", "/runs?wrkflow=flow", undefined, 400, "QUERY_INVALID"],
    ["GET", "/runs?limit=1&limit=2", undefined, 400, "QUERY_INVALID"],
    ["GET", "/status?x", undefined, 400, "QUERY_INVALID"],
    ["POST", "/runs?workflow=flow", "{}", 400, "QUERY_INVALID"],
    ["GET", "/packages/none?verson=1.0.0", undefined, 400, "QUERY_INVALID"],
    ["POST", "/runs", '{"workflow":"flow","params":{"id":7615917337495251231}}', 400, "JSON_INVALID"],
    ["POST", "/runs", '{"workflow":"flow","params":{"n":1,"n":2}}', 400, "JSON_INVALID"],
    ["POST", "/runs", '{"workflow":"flow","params":{"n":1e400}}', 400, "JSON_INVALID"],
    ["POST", "/runs", `{"params":${"[".repeat(100_000)}`, 400, "JSON_INVALID"],
    ["POST", "/runs", Buffer.from('{"workflow":"caf\xe9"}', "latin1"), 400, "JSON_INVALID"],
    ["GET", "/runs/", undefined, 404, "ROUTE_UNKNOWN"],
    ["GET", "/runs/%zz", undefined, 404, "RUN_UNKNOWN"],
    ["GET", "/nothing", undefined, 404, "ROUTE_UNKNOWN"],
    ["PUT", "/runs", "{}", 404, "ROUTE_UNKNOWN"],
    ["DELETE", "/packages/nobody", undefined, 404, "PACKAGE_UNKNOWN"],
  ])("refuses %s %s with body %s as %i %s", async (method, path, body, status, code) => {
    const { ask } = await open();
    expect(await ask(method, path, body)).toMatchObject({ status, body: { code } });
  });

  it("reads a byte order mark", async () => {
    const { ask } = await open();
    expect(await ask("POST", "/runs", '\ufeff{"workflow":"flow","params":{"n":1}}')).toMatchObject({ status: 201 });
  });

  it("answers a body of nothing but problems in bounded time and size", async () => {
    const { ask } = await open();
    const bodies = [
      `{"runs":[${"0,".repeat(2_000_000)}0]}`,
      `{"runs":[{${Array.from({ length: 400_000 }, (_, index) => `"${index}":0`).join(",")}}]}`,
      `{"workflow":"${"x".repeat(5_000_000)}"}`,
    ];
    for (const [index, body] of bodies.entries()) {
      const answer = await ask("POST", index === 2 ? "/runs" : "/runs:batch", body);
      expect(answer.status).toBeGreaterThanOrEqual(400);
      expect(answer.status).toBeLessThan(500);
      expect(answer.body.problems.length).toBeLessThanOrEqual(100);
      expect(JSON.stringify(answer.body).length).toBeLessThan(100_000);
    }
  });

  it("refuses a body over 10 MB, whether it says its length or not, and serves on", async () => {
    const { ask } = await open();
    const large = Buffer.alloc(11 * 1024 * 1024, " ");
    for (const chunked of [false, true]) {
      const answer = await ask("POST", "/runs", large, chunked).catch((error: NodeJS.ErrnoException) => error.code);
      // A client that is still sending may see the connection closed before it reads the answer.
      if (typeof answer === "object") expect(answer).toMatchObject({ status: 413, body: { code: "BODY_TOO_LARGE" } });
      else expect(answer).toMatch(/EPIPE|ECONNRESET/);
    }
    expect((await ask("GET", "/status")).status).toBe(200);
  });

  it("asks to come back later while new runs are refused for a time", async () => {
    const { room, ask } = await open();
    await room.bench.engine.drain(0);
    const answer = await ask("POST", "/runs", JSON.stringify({ workflow: "flow", params: { n: 1 } }));
    expect(answer).toMatchObject({ status: 503, headers: { "retry-after": "5" }, body: { code: "DAEMON_DRAINING" } });
  });

  it("streams events in order, of one run when asked to, and ends the stream when the server stops", async () => {
    const { room, client, server } = await open();
    const seen: CascadeEvent[] = [];
    let opened = false;
    const reading = (async () => {
      for await (const event of client.events()) {
        opened = true;
        if (event) seen.push(event);
      }
    })();
    await eventually(() => opened);
    const { id } = await client.startRun({ workflow: "flow", params: { n: 1 } });
    await eventually(() => seen.some((event) => event.name === "run.changed" && event.state === "succeeded"));
    expect(seen.filter(({ name }) => name === "run.changed").map((event) => "state" in event && event.state)).toEqual([
      "queued",
      "running",
      "succeeded",
    ]);
    expect(seen.every((event) => typeof event.at === "number")).toBe(true);
    const ofOther: unknown[] = [];
    const readingOther = (async () => {
      for await (const event of client.events({ run: "another" })) ofOther.push(event);
    })();
    await eventually(() => ofOther.length > 0);
    await client.startRun({ workflow: "flow", params: { n: 2 } });
    await eventually(() => new Set(seen.map((event) => "runId" in event && event.runId)).size === 2);
    expect(ofOther).toEqual([undefined]);
    await server.stop();
    await Promise.all([reading, readingOther]);
    expect(room.bench.ended).toContain(id);
  });
});

describe("the socket", () => {
  it("is closed to others from its first moment, in a folder closed to others", async () => {
    const { path } = await open();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, "..")).mode & 0o777).toBe(0o700);
  });

  it("takes the place of a socket that a former life left, and of nothing else", async () => {
    const room = await applicationRoom();
    const folder = tempFolder();
    const stale = join(folder, "stale.sock");
    const former = createServer().listen(stale);
    await eventually(() => existsSync(stale));
    // Closing would remove it; a killed process leaves it.
    former.unref();
    expect((await (await servedSocket(room.application, stale)).client.status()).pid).toBe(4);
    former.close();
    const file = join(folder, "file.sock");
    writeFileSync(file, "mine");
    await expect(servedSocket(room.application, file)).rejects.toMatchObject({ code: "CANNOT_CREATE" });
    mkdirSync(join(folder, "dir.sock"));
    await expect(servedSocket(room.application, join(folder, "dir.sock"))).rejects.toMatchObject({
      code: "CANNOT_CREATE",
    });
  });

  it("refuses a path that the kernel would cut", async () => {
    const room = await applicationRoom();
    const path = join(tempFolder(), "x".repeat(100), "cascade.sock");
    await expect(servedSocket(room.application, path)).rejects.toMatchObject({ code: "SOCKET_PATH_TOO_LONG" });
  });

  it("is gone after the stop, and requests that were there are answered first", async () => {
    let release = (): void => undefined;
    const room = await applicationRoom();
    const slow = {
      ...room.application,
      reload: () => new Promise<never>((_, reject) => (release = () => reject(new Error("no")))),
    };
    const { path, client, server } = await servedSocket(slow);
    const answer = client.reload().catch((error: unknown) => error);
    await eventually(async () => (await client.status()).pid === 4);
    const stopped = server.stop();
    release();
    expect(await answer).toMatchObject({ code: "INTERNAL", message: "no" });
    await stopped;
    expect(existsSync(path)).toBe(false);
    await expect(client.status()).rejects.toMatchObject({ code: "DAEMON_UNREACHABLE" });
  });
});
