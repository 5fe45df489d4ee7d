import type { Application, CascadeEvent } from "../app/application.ts";
import { type Clock, isoTime } from "../kernel/clock.ts";
import type { TextStream } from "./node-exchange.ts";

/** A line without meaning, so that both sides notice when the other is gone. */
const HEARTBEAT_MS = 15_000;
/** A client that lets this many bytes pile up is cut off; it connects again and reads what it needs. */
const BACKLOG_MAX = 16 * 1024 * 1024;
const HEADERS = { "content-type": "text/event-stream", "cache-control": "no-store" };

/** What a client wants to hear of; what is left out is not restricted. */
export interface EventFilter {
  run?: string | undefined;
  /** Empty for events of every name. */
  names?: readonly string[];
}

export interface EventStreams {
  /** An endless answer in the format of server-sent events. Heartbeats come whatever the filter says. */
  open(
    filter: EventFilter,
    answer: (headers: Record<string, string>, onGone: () => void) => TextStream,
  ): TextStream["response"];
  /** Ends every stream. */
  close(): void;
}

export function createEventStreams(source: Pick<Application, "subscribe">, clock: Clock): EventStreams {
  const open = new Set<() => void>();
  return {
    open({ run, names = [] }, answer) {
      const isWanted = (event: CascadeEvent) =>
        (names.length === 0 || names.includes(event.name)) &&
        (run === undefined || ("runId" in event && event.runId === run));
      let pending = "";
      let callOff = (): void => undefined;
      const leave = (): boolean => {
        unsubscribe();
        callOff();
        return open.delete(end);
      };
      const stream = answer(HEADERS, leave);
      const end = (): void => {
        if (leave()) stream.end();
      };
      const flush = () => {
        if (!open.has(end)) return;
        stream.write(pending);
        pending = "";
        if (stream.backlog() > BACKLOG_MAX) end();
      };
      // A batch of the engine publishes all its events at once; they leave in one piece.
      const write = (text: string) => {
        if (pending === "") queueMicrotask(flush);
        pending += text;
      };
      const unsubscribe = source.subscribe((event) => {
        if (isWanted(event)) write(eventText(event));
      });
      const beat = () => {
        callOff = clock.after(HEARTBEAT_MS, beat);
        write(":\n\n");
      };
      open.add(end);
      // The first beat tells the client that from now on it misses nothing.
      beat();
      return stream.response;
    },
    close() {
      for (const end of [...open]) end();
    },
  };
}

function eventText(event: CascadeEvent): string {
  const { name, ...fields } = event;
  return `event: ${name}\ndata: ${JSON.stringify({ ...fields, at: isoTime(event.at) })}\n\n`;
}
