import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Client, createClient } from "../src/client/client.ts";
import type { Bench } from "./figure.ts";
import { isAlive, processTree } from "./processes.ts";
import { monotonicMs, pause } from "./statistics.ts";

export interface DaemonOptions extends Pick<Bench, "root" | "nodeArguments"> {
  data: string;
  /** Added to a small environment of its own. */
  environment?: Readonly<Record<string, string>>;
}

/** The built daemon as a process of its own. */
export interface Daemon {
  pid: number;
  data: string;
  /** The path it listens on. */
  socket: string;
  /** For what is not timed: it parses all it is told. */
  client: Client;
  /** The folder it watches. */
  packages: string;
  /** From its start as a process to the log line that says it is ready. */
  readyMs: number;
  /** `monotonicMs` of its start as a process. */
  execAt: number;
  /** Resolves when no run is unfinished. */
  idle(): Promise<void>;
  /** SIGTERM; resolves to the milliseconds until it had exited, when its task hosts are gone too. */
  stop(): Promise<number>;
  /** SIGKILL; resolves when it and its task hosts are gone. */
  kill(): Promise<void>;
}

/** As many task hosts as pay off on two processors. */
const CONCURRENCY = 4;
const READY_WITHIN_MS = 120_000;
const GONE_WITHIN_MS = 30_000;

const living = new Set<ChildProcess>();

/** Kills what a failed measurement left behind; its task hosts end by themselves. */
export function killDaemons(): void {
  for (const child of living) child.kill("SIGKILL");
}

export async function startDaemon({ root, data, nodeArguments, environment = {} }: DaemonOptions): Promise<Daemon> {
  const packages = join(data, "packages");
  mkdirSync(packages, { recursive: true, mode: 0o700 });
  const execAt = monotonicMs();
  const child = spawn(process.execPath, [...nodeArguments, join(root, "dist/cli/main.js"), "daemon", "--data", data], {
    cwd: data,
    env: { PATH: process.env["PATH"], HOME: data, CASCADE_CONCURRENCY: String(CONCURRENCY), ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  living.add(child);
  child.once("exit", () => living.delete(child));
  await ready(child);
  const readyMs = monotonicMs() - execAt;
  const socket = join(data, "cascade.sock");
  const client = createClient(socket);
  const pid = child.pid!;

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<number> {
    client.close();
    const tree = processTree(pid);
    const exited = once(child, "exit");
    const began = monotonicMs();
    child.kill(signal);
    await exited;
    const elapsed = monotonicMs() - began;
    const deadline = monotonicMs() + GONE_WITHIN_MS;
    while (tree.some(isAlive)) {
      if (monotonicMs() > deadline) throw new Error(`processes outlive the daemon: ${tree.filter(isAlive).join(" ")}`);
      await pause(10);
    }
    return elapsed;
  }
  return {
    pid,
    data,
    socket,
    client,
    packages,
    readyMs,
    execAt,
    async idle() {
      for (;;) {
        const { runs } = await client.status();
        if (runs.queued + runs.running + runs.waiting === 0) return;
        await pause(50);
      }
    },
    stop: () => end("SIGTERM"),
    kill: async () => void (await end("SIGKILL")),
  };
}

/** Resolves at the log line `daemon.ready`; rejects when the daemon ends before it. */
async function ready(child: ChildProcess): Promise<void> {
  const stderr = child.stderr!.setEncoding("utf8");
  await new Promise<void>((resolve, reject) => {
    let text = "";
    const timer = setTimeout(() => reject(new Error("the daemon is not ready")), READY_WITHIN_MS);
    stderr.on("data", (piece: string) => {
      text += piece;
      if (!text.includes('"event":"daemon.ready"')) return;
      clearTimeout(timer);
      resolve();
    });
    child.once("exit", (code) => reject(new Error(`the daemon ended with ${code}:\n${text.slice(-4_000)}`)));
  });
  // The pipe goes on being read, so that the daemon never waits for it.
  stderr.removeAllListeners("data");
  stderr.resume();
}
