import type { Application, CascadeEvent } from "../app/application.ts";
import { type Clock, isoTime } from "../kernel/clock.ts";

/** A line without meaning, so that both sides notice when the other is gone. */
const HEARTBEAT_MS = 15_000;
/** A client that lets this many events pile up is cut off; it connects again and reads what it needs. */
const BACKLOG_MAX = 10_000;

export interface EventStreams {
  /** An endless answer in the format of server-sent events: of one run, if named, else of everything. */
  open(runId: string | undefined): Response;
  /** Ends every stream. */
  close(): void;
}

export function createEventStreams(source: Pick<Application, "subscribe">, clock: Clock): EventStreams {
  const open = new Set<() => void>();
  return {
    open(runId) {
      let leave = (): boolean => false;
      const stream = new ReadableStream<Uint8Array>({
        start(controller) {
          const encoder = new TextEncoder();
          const write = (text: string) => {
            controller.enqueue(encoder.encode(text));
            if ((controller.desiredSize ?? 0) < -BACKLOG_MAX) end();
          };
          const unsubscribe = source.subscribe((event) => {
            if (runId === undefined || ("runId" in event && event.runId === runId)) write(eventText(event));
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
      });
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
