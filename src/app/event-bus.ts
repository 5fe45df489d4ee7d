import type { CascadeEvent, Events } from "../ports/events.ts";

/** Hands each event to every listener at once, in the order they subscribed. */
export function createEventBus(): Events {
  const listeners = new Set<(event: CascadeEvent) => void>();
  return {
    publish(event) {
      for (const listener of listeners) listener(event);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
