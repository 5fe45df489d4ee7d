import { type IncomingMessage, request } from "node:http";

/** One message of the daemon's stream of events, as it came: `event: NAME`, then `data: JSON`. */
export type Message = string;

/**
 * Everything the daemon tells, on one connection. Messages stay text: a measurement of ten thousand tasks would else spend
 * its time on parsing what it only counts.
 */
export interface EventStream {
  /** Calls back for each message from now on. */
  listen(listener: (message: Message) => void): void;
  /**
   * Calls back when messages may have been missed and none will be from now on: the daemon cuts off a client for which more
   * than 10,000 pile up, which one commit of the fan-out can do.
   */
  onGap(listener: () => void): void;
  /** The first message from now on that fits. Only for what comes in small numbers: a gap ends in a rejection. */
  next(fits: (message: Message) => boolean, what: string): Promise<Message>;
  close(): void;
}

const PATIENCE_MS = 120_000;

/** Resolves when nothing is missed from now on. */
export async function openEvents(socketPath: string): Promise<EventStream> {
  const listeners = new Set<(message: Message) => void>();
  const gapListeners = new Set<() => void>();
  let isClosed = false;
  let response = await open();

  async function open(): Promise<IncomingMessage> {
    const opened = await new Promise<IncomingMessage>((resolve, reject) => {
      request({ socketPath, path: "/api/v1/events" }, resolve).once("error", reject).end();
    });
    let rest = "";
    opened.setEncoding("latin1");
    opened.on("error", () => undefined);
    opened.on("data", (text: string) => {
      const messages = (rest + text).split("\n\n");
      rest = messages.pop() ?? "";
      for (const message of messages) for (const listener of listeners) listener(message);
    });
    opened.once("close", () => {
      if (!isClosed) reopen().catch(() => undefined);
    });
    // The daemon's first message is a heartbeat, sent when it listens.
    await new Promise((resolve) => opened.once("data", resolve));
    return opened;
  }

  /** Fails when the daemon has gone, whose end is told by its process. */
  async function reopen(): Promise<void> {
    response = await open();
    for (const listener of gapListeners) listener();
  }

  return {
    listen: (listener) => void listeners.add(listener),
    onGap: (listener) => void gapListeners.add(listener),
    next(fits, what) {
      return new Promise((resolve, reject) => {
        const settle = (act: () => void) => {
          clearTimeout(timer);
          listeners.delete(look);
          gapListeners.delete(miss);
          act();
        };
        const look = (message: Message) => {
          if (fits(message)) settle(() => resolve(message));
        };
        const miss = () => settle(() => reject(new Error(`${what}: it may have been missed`)));
        const timer = setTimeout(() => settle(() => reject(new Error(`${what}: it did not happen`))), PATIENCE_MS);
        listeners.add(look);
        gapListeners.add(miss);
      });
    },
    close() {
      isClosed = true;
      response.destroy();
    },
  };
}
