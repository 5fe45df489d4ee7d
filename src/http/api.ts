import { Hono } from "hono";
import { matchedRoutes } from "hono/route";
import type { Application } from "../app/application.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import { createEventStreams } from "./event-streams.ts";
import { answerInPieces, answerJson, type NodeExchange } from "./node-exchange.ts";
import { problemResponse } from "./problem.ts";
import { checkQuery } from "./query-names.ts";
import {
  anchorRequest,
  limitOf,
  listOf,
  logsRequest,
  readJson,
  replayRequest,
  startRunRequest,
  startRunsRequest,
} from "./read-request.ts";

export const API_PREFIX = "/api/v1";

export interface Api {
  /** `exchange` is there when the request comes over a server of Node. */
  fetch(request: Request, exchange?: NodeExchange): Response | Promise<Response>;
  /** Ends the streams of events; other requests go on. */
  close(): void;
}

/** The application over HTTP, as docs/api.md tells. Names and ids are one path segment, percent-encoded. */
export function createApi(application: Application, options: { clock: Clock; logger: Logger }): Api {
  const streams = createEventStreams(application, options.clock);
  const app = new Hono().basePath(API_PREFIX);

  app.notFound((c) => problemResponse(new CascadeError("ROUTE_UNKNOWN", `no ${c.req.method} ${c.req.path} here`)));
  app.onError((error, c) => {
    if (toCascadeError(error).code === "INTERNAL") {
      options.logger.error({ event: "api.failed", err: error }, `${c.req.method} ${c.req.path} failed`);
    }
    return problemResponse(error);
  });

  app.use(async (c, next) => {
    const route = matchedRoutes(c).at(-1);
    if (route) checkQuery(c.req, `${route.method} ${route.path.slice(API_PREFIX.length)}`);
    await next();
  });

  app.get("/status", async (c) => answerJson(c, await application.status()));
  app.post("/reload", async (c) => answerJson(c, await application.reload()));
  app.post("/stop", async (c) => {
    await application.stop();
    return answerJson(c, { state: "draining" }, 202);
  });
  app.get("/events", (c) =>
    streams.open({ run: c.req.query("run"), names: listOf(c.req, "name") }, (headers, onGone) =>
      answerInPieces(c, headers, onGone),
    ),
  );

  app.get("/packages", async (c) => answerJson(c, wholePage(await application.packages())));
  app.get("/packages/:name", async (c) =>
    answerJson(c, await application.package(c.req.param("name"), c.req.query("version") ?? null)),
  );
  app.delete("/packages/:name", async (c) =>
    answerJson(c, await application.removePackage(c.req.param("name"), c.req.query("version") ?? null)),
  );

  app.get("/workflows", async (c) => answerJson(c, wholePage(await application.workflows())));
  app.get("/workflows/:name", async (c) => answerJson(c, await application.workflow(c.req.param("name"))));
  app.post("/workflows/:name/pause", async (c) => answerJson(c, await application.pauseWorkflow(c.req.param("name"))));
  app.post("/workflows/:name/resume", async (c) =>
    answerJson(c, await application.resumeWorkflow(c.req.param("name"))),
  );

  app.get("/schedules", async (c) => answerJson(c, wholePage(await application.schedules())));
  app.get("/schedules/:name", async (c) => answerJson(c, await application.schedule(c.req.param("name"))));
  app.get("/schedules/:name/firings", async (c) =>
    answerJson(c, wholePage(await application.firings(c.req.param("name"), limitOf(c.req)))),
  );
  app.post("/schedules/:name/pause", async (c) => answerJson(c, await application.pauseSchedule(c.req.param("name"))));
  app.post("/schedules/:name/resume", async (c) =>
    answerJson(c, await application.resumeSchedule(c.req.param("name"))),
  );
  app.get("/upcoming", async (c) => {
    const schedule = c.req.query("schedule");
    const workflow = c.req.query("workflow");
    const filter = { ...(schedule === undefined ? {} : { schedule }), ...(workflow === undefined ? {} : { workflow }) };
    return answerJson(c, wholePage(await application.upcoming({ ...filter, limit: limitOf(c.req) })));
  });

  app.get("/runs", async (c) => {
    const workflow = c.req.query("workflow");
    const page = await application.runs({
      state: listOf(c.req, "state"),
      ...(workflow === undefined ? {} : { workflow }),
      limit: limitOf(c.req),
      cursor: c.req.query("cursor") ?? null,
    });
    return answerJson(c, page);
  });
  app.post("/runs", async (c) => answerJson(c, await application.startRun(startRunRequest(await readJson(c))), 201));
  app.post("/runs:batch", async (c) => {
    const runs = await application.startRuns(startRunsRequest(await readJson(c)));
    return answerJson(c, { runs }, 201);
  });
  app.get("/runs/:id", async (c) => answerJson(c, await application.run(c.req.param("id"))));
  app.get("/runs/:id/why", async (c) => answerJson(c, await application.why(c.req.param("id"))));
  app.post("/runs/:id/cancel", async (c) => answerJson(c, await application.cancelRun(c.req.param("id"))));
  app.post("/runs/:id/replay", async (c) =>
    answerJson(c, await application.replayRun(c.req.param("id"), replayRequest(await readJson(c)))),
  );
  app.get("/runs/:id/logs", async (c) =>
    answerJson(c, wholePage(await application.logs(c.req.param("id"), c.req.query("task") ?? null, {}))),
  );
  app.post("/runs/:id/logs", async (c) => {
    const { task, offsets } = logsRequest(await readJson(c));
    return answerJson(c, wholePage(await application.logs(c.req.param("id"), task, offsets)));
  });
  app.get("/runs/:id/proof", async (c) => answerJson(c, await application.proof(c.req.param("id"))));
  app.get("/runs/:id/proof/file", async (c) =>
    c.body(await application.proofFile(c.req.param("id")), 200, {
      "content-type": "application/vnd.dev.sigstore.bundle.v0.3+json",
    }),
  );

  app.get("/proofs", async (c) => {
    const workflow = c.req.query("workflow");
    const filter = workflow === undefined ? {} : { workflow };
    const page = { limit: limitOf(c.req), cursor: c.req.query("cursor") ?? null };
    return answerJson(c, await application.proofs({ ...filter, ...page }));
  });
  app.get("/tlog", async (c) => answerJson(c, await application.tlog()));
  app.post("/tlog/anchor", async (c) => answerJson(c, await application.anchorTlog(anchorRequest(await readJson(c)))));
  app.post("/tlog/adopt", async (c) => answerJson(c, await application.adoptTlog()));

  return { fetch: (request, exchange) => app.fetch(request, exchange), close: () => streams.close() };
}

/** Every list has the shape of a page, so that a list that grows long can become one. */
function wholePage<Item>(items: readonly Item[]): { items: readonly Item[]; nextCursor: null } {
  return { items, nextCursor: null };
}
