import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type Client, createClient } from "../src/client/client.ts";
import { isAlive, processTree } from "./processes.ts";
import { monotonicMs, pause } from "./statistics.ts";

export interface DaemonOptions {
  /** The checkout whose `dist/` is measured. */
  root: string;
  data: string;
  /** Arguments for Node itself. */
  nodeArguments: readonly string[];
}

/** The built daemon as a process of its own. */
export interface Daemon {
  pid: number;
  client: Client;
  /** The folder it watches. */
  packages: string;
  /** From its start as a process to the log line that says it is ready. */
  readyMs: number;
  /** SIGTERM; resolves when it and its task hosts are gone. */
  stop(): Promise<void>;
  /** SIGKILL; resolves when it and its task hosts are gone. */
  kill(): Promise<void>;
}

/** What the issue of the chain workload asks for; four times the processors of the smallest machine. */
const CONCURRENCY = 8;
const READY_WITHIN_MS = 60_000;
const GONE_WITHIN_MS = 30_000;

export async function startDaemon({ root, data, nodeArguments }: DaemonOptions): Promise<Daemon> {
  const packages = join(data, "packages");
  mkdirSync(packages, { recursive: true, mode: 0o700 });
  const began = monotonicMs();
  const child = spawn(process.execPath, [...nodeArguments, join(root, "dist/cli/main.js"), "daemon", "--data", data], {
    cwd: data,
    env: { PATH: process.env["PATH"], HOME: data, CASCADE_CONCURRENCY: String(CONCURRENCY) },
    stdio: ["ignore", "ignore", "pipe"],
  });
  await ready(child);
  const readyMs = monotonicMs() - began;
  const client = createClient(join(data, "cascade.sock"));
  const pid = child.pid!;

  async function end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    client.close();
    const tree = processTree(pid);
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
    const deadline = monotonicMs() + GONE_WITHIN_MS;
    while (tree.some(isAlive)) {
      if (monotonicMs() > deadline) throw new Error(`processes outlive the daemon: ${tree.filter(isAlive).join(" ")}`);
      await pause(10);
    }
  }
  return { pid, client, packages, readyMs, stop: () => end("SIGTERM"), kill: () => end("SIGKILL") };
}

/** Resolves at the log line `daemon.ready`; rejects when the daemon ends before it. */
async function ready(child: ChildProcess): Promise<void> {
  const last: string[] = [];
  const lines = createInterface({ input: child.stderr! });
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the daemon is not ready")), READY_WITHIN_MS);
    lines.on("line", (line) => {
      last.push(line);
      if (!line.includes('"event":"daemon.ready"')) return;
      clearTimeout(timer);
      resolve();
    });
    child.once("exit", (code) => reject(new Error(`the daemon ended with ${code}:\n${last.slice(-20).join("\n")}`)));
  });
  // The pipe goes on being read, so that the daemon never waits for it.
  lines.removeAllListeners("line");
  lines.on("line", () => undefined);
}
