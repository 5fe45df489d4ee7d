import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";

/** What the daemon tells the service manager (sd_notify(3)). Nothing here throws or waits. */
export interface Notifier {
  /** Started, or reloaded: also ends what `reloading` began. */
  ready(status: string): void;
  /** One line for `systemctl status`. */
  status(text: string): void;
  reloading(): void;
  /** Stopping after a drain of at most `drainMs`: the manager waits long enough, even when its own limit is shorter. */
  stopping(drainMs: number): void;
  /**
   * Asks `beat` twice per watchdog interval and tells the manager only when it resolves to true; a beat that hangs or fails
   * is silence, after which the manager restarts the daemon. The returned function ends it.
   */
  watchdog(beat: () => Promise<boolean>): () => void;
  /** Resolves when everything said so far has arrived or been given up. */
  settled(): Promise<void>;
}

export interface NotifierOptions {
  environment: Readonly<Record<string, string | undefined>>;
  pid: number;
  clock: Clock;
  logger: Logger;
  /** CLOCK_MONOTONIC in microseconds. */
  monotonicUs: () => bigint;
  /** Sends variables such as `READY=1` in one message. */
  send: (variables: readonly string[]) => Promise<void>;
}

/** For what follows a drain: five seconds each from abort to TERM and to KILL, the last proofs, the closing of the store. */
const AFTER_DRAIN_MS = 30_000;

/** Does nothing unless the manager listens, which it says with `NOTIFY_SOCKET`. */
export function createNotifier(options: NotifierOptions): Notifier {
  const { environment, clock, logger } = options;
  const listening = Boolean(environment["NOTIFY_SOCKET"]);
  let last = Promise.resolve();
  let complained = false;
  // One after the other: RELOADING and READY mean nothing in another order.
  const tell = (...variables: string[]) => {
    if (!listening) return last;
    last = last
      .then(() => options.send(variables))
      .catch((err: unknown) => {
        if (!complained) logger.warn({ event: "notify.failed", err }, "the service manager could not be told");
        complained = true;
      });
    return last;
  };
  const status = (text: string) => `STATUS=${text.replaceAll(/\s+/g, " ")}`;
  return {
    ready: (text) => void tell("READY=1", status(text)),
    status: (text) => void tell(status(text)),
    reloading: () => void tell("RELOADING=1", `MONOTONIC_USEC=${options.monotonicUs()}`, "STATUS=reloading"),
    stopping: (drainMs) =>
      void tell("STOPPING=1", `EXTEND_TIMEOUT_USEC=${(drainMs + AFTER_DRAIN_MS) * 1_000}`, "STATUS=draining"),
    watchdog(beat) {
      const intervalMs = watchdogIntervalMs(environment, options.pid);
      if (!listening || intervalMs === undefined) return () => {};
      let stopped = false;
      let callOff = () => {};
      const turn = async () => {
        const alive = await beat().catch(() => false);
        if (stopped) return;
        if (alive) await tell("WATCHDOG=1");
        if (!stopped) callOff = clock.after(intervalMs, () => void turn());
      };
      void turn();
      return () => {
        stopped = true;
        callOff();
      };
    },
    settled: () => last,
  };
}

/** Half of the time after which the manager loses patience; undefined when it does not watch this process. */
function watchdogIntervalMs(environment: NotifierOptions["environment"], pid: number): number | undefined {
  const us = Number(environment["WATCHDOG_USEC"] ?? Number.NaN);
  const watched = environment["WATCHDOG_PID"];
  if (!Number.isFinite(us) || us <= 0 || (watched !== undefined && watched !== String(pid))) return undefined;
  return Math.max(1, us / 2_000);
}

/** The program answers in milliseconds; a manager that does not is not waited for. */
const SEND_WITHIN_MS = 5_000;

/**
 * Sends through the `systemd-notify` program: Node has no datagram sockets of the AF_UNIX kind. The sender is a child then, so
 * the unit needs `NotifyAccess=all`; the program waits until the manager has read the message, so that it is still there to
 * be recognised.
 */
export function systemdNotify(
  environment: Readonly<Record<string, string | undefined>>,
): (variables: readonly string[]) => Promise<void> {
  const { NOTIFY_SOCKET, PATH } = environment;
  const run = promisify(execFile);
  return async (variables) => {
    await run("systemd-notify", variables, {
      env: { NOTIFY_SOCKET, PATH },
      timeout: SEND_WITHIN_MS,
      killSignal: "SIGKILL",
    });
  };
}
