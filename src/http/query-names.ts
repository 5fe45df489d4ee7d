import type { HonoRequest } from "hono";
import { CascadeError } from "../kernel/errors.ts";
import { nearestName } from "../kernel/nearest.ts";

/** What a route may be asked for; others take nothing. `true`: it may be given several times. */
const names: Readonly<Record<string, Readonly<Record<string, boolean>>>> = {
  "GET /events": { run: false, name: true },
  "GET /packages/:name": { version: false },
  "DELETE /packages/:name": { version: false },
  "GET /schedules/:name/firings": { limit: false },
  "GET /upcoming": { schedule: false, workflow: false, limit: false },
  "GET /runs": { state: true, workflow: false, limit: false, cursor: false },
  "GET /runs/:id/logs": { task: false },
  "GET /proofs": { workflow: false, limit: false, cursor: false },
};

/**
 * Throws `QUERY_INVALID` when a request asks for something that its route (`GET /runs`) does not know, or for one thing twice:
 * a filter that is not applied gives an answer to another question.
 */
export function checkQuery(request: HonoRequest, route: string): void {
  if (!request.url.includes("?")) return;
  const known = Object.hasOwn(names, route) ? names[route]! : {};
  for (const [name, values] of Object.entries(request.queries())) {
    if (!Object.hasOwn(known, name)) throw unknown(name, Object.keys(known));
    if (values.length > 1 && !known[name]) {
      throw new CascadeError("QUERY_INVALID", `${name} is given ${values.length} times in the query`);
    }
  }
}

function unknown(name: string, known: readonly string[]): CascadeError {
  const shown = JSON.stringify(name.slice(0, 80));
  const nearest = nearestName(name, known);
  const guess = nearest === undefined ? "" : `; did you mean ${nearest}?`;
  const hint = known.length === 0 ? "Leave the query out." : `It takes ${known.join(", ")}.`;
  return new CascadeError("QUERY_INVALID", `this request takes no ${shown} in its query${guess}`, { hint });
}
