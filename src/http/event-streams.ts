import type { Application, CascadeEvent } from "../app/application.ts";
import { type Clock, isoTime } from "../kernel/clock.ts";

/** A line without meaning, so that both sides notice when the other is gone. */
const HEARTBEAT_MS = 15_000;
/** A client that lets this many bytes pile up is cut off; it connects again and reads what it needs. */
const BACKLOG_MAX = 16 * 1024 * 1024;

/** What a client wants to hear of; what is left out is not restricted. */
export interface EventFilter {
  run?: string | undefined;
  /** Empty for events of every name. */
  names?: readonly string[];
}

export interface EventStreams {
  /** An endless answer in the format of server-sent events. Heartbeats come whatever the filter says. */
  open(filter: EventFilter): Response;
  /** Ends every stream. */
  close(): void;
}

export function createEventStreams(source: Pick<Application, "subscribe">, clock: Clock): EventStreams {
  const open = new Set<() => void>();
  return {
    open({ run, names = [] }) {
      const isWanted = (event: CascadeEvent) =>
        (names.length === 0 || names.includes(event.name)) &&
        (run === undefined || ("runId" in event && event.runId === run));
      let leave = (): boolean => false;
      const stream = new ReadableStream<Uint8Array>(
        {
          start(controller) {
            const encoder = new TextEncoder();
            let pending = "";
            const flush = () => {
              if (pending === "" || !open.has(end)) return;
              controller.enqueue(encoder.encode(pending));
              pending = "";
              if ((controller.desiredSize ?? 0) <= 0) end();
            };
            // A batch of the engine publishes all its events at once; they leave in one piece.
            const write = (text: string) => {
              if (pending === "") queueMicrotask(flush);
              pending += text;
            };
            const unsubscribe = source.subscribe((event) => {
              if (isWanted(event)) write(eventText(event));
            });
            let callOff = (): void => undefined;
            const beat = () => {
              callOff = clock.after(HEARTBEAT_MS, beat);
              write(":\n\n");
            };
            leave = () => {
              unsubscribe();
              callOff();
              return open.delete(end);
            };
            const end = () => {
              if (leave()) controller.close();
            };
            open.add(end);
            // The first beat tells the client that from now on it misses nothing.
            beat();
          },
          cancel() {
            leave();
          },
        },
        new ByteLengthQueuingStrategy({ highWaterMark: BACKLOG_MAX }),
      );
      return new Response(stream, {
        headers: { "content-type": "text/event-stream", "cache-control": "no-store" },
      });
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
