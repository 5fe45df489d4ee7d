import type { CascadeEvent } from "../src/app/application.ts";
import type { Client } from "../src/client/client.ts";

/** A client that is told of everything over the stream of events. */
export interface Watcher {
  /** The first event from now on that fits. Rejects when the stream ends or a minute passes. */
  next(fits: (event: CascadeEvent) => boolean): Promise<CascadeEvent>;
  close(): void;
}

const PATIENCE_MS = 60_000;

/** Resolves when nothing is missed from now on. */
export async function watchEvents(client: Client): Promise<Watcher> {
  const waiting = new Set<(event: CascadeEvent | undefined) => void>();
  const stream = new AbortController();
  const events = client.events({ signal: stream.signal });
  await events.next();
  void (async () => {
    for await (const event of events) if (event) for (const look of [...waiting]) look(event);
    for (const look of [...waiting]) look(undefined);
  })();
  return {
    next(fits) {
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => end(() => reject(new Error(`no event fits ${fits.toString()}`))), PATIENCE_MS);
        const look = (event: CascadeEvent | undefined) => {
          if (event === undefined) end(() => reject(new Error("the stream of events has ended")));
          else if (fits(event)) end(() => resolve(event));
        };
        const end = (settle: () => void) => {
          clearTimeout(timer);
          waiting.delete(look);
          settle();
        };
        waiting.add(look);
      });
    },
    close: () => stream.abort(),
  };
}

export function isRunEnd(event: CascadeEvent): boolean {
  return event.name === "run.changed" && ["succeeded", "failed", "cancelled"].includes(event.state);
}
