import type { Clock } from "../kernel/clock.ts";
import type { Terminal } from "./terminal.ts";

type DaemonSignal = "SIGTERM" | "SIGINT" | "SIGHUP";

/** `process`, or what stands for it in a test. */
export interface SignalSource {
  on(signal: DaemonSignal, listener: () => void): unknown;
  off(signal: DaemonSignal, listener: () => void): unknown;
}

/** What a signal asks of the daemon. A call returns at once or reports failures by itself. */
export interface SignalTarget {
  /** Asked once: claim nothing more, let attempts finish, end. */
  drain(signal: DaemonSignal): void;
  /** Asked once, during a drain: skip to the kill step. */
  kill(signal: DaemonSignal): void;
  /** Asked one at a time; signals that arrive meanwhile become one more. */
  reload(): Promise<void>;
}

/**
 * One request can arrive twice: npm hands an interrupt on to a child that the terminal has interrupted already, and
 * `timeout` and some supervisors signal the process and then its group. People who ask again are slower than this.
 */
const SAME_REQUEST_MS = 100;

/** How long a vanished terminal may explain a SIGHUP is between one and two of these. */
const TERMINAL_LOOK_MS = 10_000;

/**
 * SIGTERM and SIGINT drain, the second of them kills; SIGHUP reloads, or drains when the terminal the daemon was started on
 * has gone. Returns the function that ends it.
 */
export function installSignals(
  source: SignalSource,
  target: SignalTarget,
  terminal: Terminal,
  clock: Clock,
): () => void {
  let phase: "running" | "draining" | "killing" = "running";
  let askedAt = Number.NEGATIVE_INFINITY;
  let reloading = false;
  let reloadAgain = false;

  const stop = (signal: DaemonSignal) => {
    const now = clock.elapsed();
    const isSameRequest = Math.abs(now - askedAt) < SAME_REQUEST_MS;
    askedAt = now;
    if (isSameRequest) return;
    if (phase === "running") {
      phase = "draining";
      target.drain(signal);
    } else if (phase === "draining") {
      phase = "killing";
      target.kill(signal);
    }
  };
  const reload = async () => {
    reloadAgain = reloading;
    if (reloading) return;
    reloading = true;
    do {
      reloadAgain = false;
      // A failed reload keeps the old configuration and is reported by the target.
      await target.reload().catch(() => undefined);
    } while (reloadAgain && phase === "running");
    reloading = false;
  };
  const listeners: Record<DaemonSignal, () => void> = {
    SIGTERM: () => stop("SIGTERM"),
    SIGINT: () => stop("SIGINT"),
    SIGHUP() {
      if (phase !== "running") return;
      if (terminal.hasGone()) stop("SIGHUP");
      else void reload();
    },
  };
  const signals = Object.entries(listeners) as [DaemonSignal, () => void][];
  for (const [signal, listener] of signals) source.on(signal, listener);

  let callOff = () => {};
  const look = () => {
    if (terminal.look()) callOff = clock.after(TERMINAL_LOOK_MS, look);
  };
  look();
  return () => {
    callOff();
    for (const [signal, listener] of signals) source.off(signal, listener);
  };
}
