import type { CascadeEvent, Commands, EventName, Queries } from "../app/application.ts";
import { CascadeError } from "../kernel/errors.ts";
import { eventOf, readMessages } from "./events.ts";
import { createTransport, type Method } from "./transport.ts";

export interface Client extends Queries, Commands {
  /**
   * Events from the moment of the first `yield` on, which is `undefined` and says that nothing is missed from now on.
   * Ends when the daemon goes away.
   */
  events(options?: {
    run?: string;
    /** Only events of these names; all of them when left out. */
    names?: readonly EventName[];
    signal?: AbortSignal;
  }): AsyncGenerator<CascadeEvent | undefined>;
  /** Closes the kept connections. */
  close(): void;
}

/**
 * The application of the daemon that listens on the socket; connects with the first call. Calls reject with the daemon's
 * errors, with `DAEMON_UNREACHABLE` when nobody listens, and with `DAEMON_LOST` when it goes away before it answers.
 */
export function createClient(socketPath: string): Client {
  const transport = createTransport(socketPath);
  const ask = <Answer>(method: Method, path: string, body?: unknown) =>
    transport.json(method, path, body) as Promise<Answer>;
  const list = async <Item>(path: string) => (await ask<{ items: readonly Item[] }>("GET", path)).items;

  return {
    status: () => ask("GET", "/status"),
    packages: () => list("/packages"),
    package: async (name, version) => ask("GET", `/packages/${segment(name)}${query({ version })}`),
    workflows: () => list("/workflows"),
    workflow: async (name) => ask("GET", `/workflows/${segment(name)}`),
    schedules: () => list("/schedules"),
    schedule: async (name) => ask("GET", `/schedules/${segment(name)}`),
    firings: async (schedule, limit) => list(`/schedules/${segment(schedule)}/firings${query({ limit })}`),
    upcoming: (filter) => list(`/upcoming${query(filter)}`),
    runs: ({ state, workflow, limit, cursor }) =>
      ask("GET", `/runs${query({ state: state?.join(","), workflow, limit, cursor })}`),
    run: async (id) => ask("GET", `/runs/${segment(id)}`),
    why: async (id) => ask("GET", `/runs/${segment(id)}/why`),
    proof: async (run) => ask("GET", `/runs/${segment(run)}/proof`),
    proofFile: async (run) => transport.text(`/runs/${segment(run)}/proof/file`),
    proofs: ({ workflow, limit, cursor }) => ask("GET", `/proofs${query({ workflow, limit, cursor })}`),
    tlog: () => ask("GET", "/tlog"),
    async logs(run, task, offsets) {
      const page = await ask<{ items: Awaited<ReturnType<Queries["logs"]>> }>("POST", `/runs/${segment(run)}/logs`, {
        task,
        offsets,
      });
      return page.items;
    },

    startRun: (request) => ask("POST", "/runs", request),
    async startRuns(requests) {
      return (await ask<{ runs: readonly { id: string }[] }>("POST", "/runs:batch", { runs: requests })).runs;
    },
    cancelRun: async (id) => ask("POST", `/runs/${segment(id)}/cancel`),
    replayRun: async (id, request) => ask("POST", `/runs/${segment(id)}/replay`, request),
    pauseWorkflow: async (name) => ask("POST", `/workflows/${segment(name)}/pause`),
    resumeWorkflow: async (name) => ask("POST", `/workflows/${segment(name)}/resume`),
    pauseSchedule: async (name) => ask("POST", `/schedules/${segment(name)}/pause`),
    resumeSchedule: async (name) => ask("POST", `/schedules/${segment(name)}/resume`),
    removePackage: async (name, version) => ask("DELETE", `/packages/${segment(name)}${query({ version })}`),
    anchorTlog: (request) => ask("POST", "/tlog/anchor", request),
    adoptTlog: () => ask("POST", "/tlog/adopt"),
    reload: () => ask("POST", "/reload"),
    async stop() {
      await ask("POST", "/stop");
    },

    async *events({ run, names, signal } = {}) {
      const response = await transport.openStream(`/events${query({ run, name: names?.join(",") })}`);
      const abort = () => response.destroy();
      signal?.addEventListener("abort", abort);
      if (signal?.aborted) abort();
      try {
        let isOpen = false;
        for await (const message of readMessages(response)) {
          if (!isOpen) yield undefined;
          isOpen = true;
          const event = message === "heartbeat" ? undefined : eventOf(message);
          if (event) yield event;
        }
      } catch {
        // The stream broke: for the caller it has ended.
      } finally {
        signal?.removeEventListener("abort", abort);
        response.destroy();
      }
    },
    close: () => transport.close(),
  };
}

/** A name or id as one part of a path. Throws `USAGE` for what cannot be one: URLs give these a meaning of their own. */
function segment(text: string): string {
  if (text !== "" && text !== "." && text !== "..") return encodeURIComponent(text);
  throw new CascadeError("USAGE", `${JSON.stringify(text)} is not a name or an id`);
}

function query(values: Readonly<Record<string, string | number | null | undefined>>): string {
  const pairs = Object.entries(values).flatMap(([name, value]) =>
    value === undefined || value === null ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return pairs.length === 0 ? "" : `?${pairs.join("&")}`;
}
