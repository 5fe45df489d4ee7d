import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { type Client, createClient } from "../../src/client/client.ts";
import { builtProgram } from "./built-program.ts";
import { eventually } from "./eventually.ts";
import { endProcessesOf, processesOf } from "./processes-of.ts";

export interface DaemonOptions {
  /** The data folder. */
  data: string;
  watch?: readonly string[];
  config?: string;
  /** Added to a small environment of its own. */
  environment?: Readonly<Record<string, string>>;
  /** Default: the data folder's own socket. */
  socket?: string;
}

export interface DaemonEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** The built daemon as a process of its own, with real files and signals. */
export interface DaemonProcess {
  readonly pid: number;
  /** Over its socket. */
  readonly client: Client;
  readonly ended: Promise<DaemonEnd>;
  hasEnded(): boolean;
  stderr(): string;
  signal(signal: NodeJS.Signals): void;
  /** Resolves when it serves; rejects when it has ended before. */
  ready(): Promise<void>;
  /** SIGTERM, and then its end. */
  stop(): Promise<DaemonEnd>;
  /** SIGKILL, and then its end. */
  kill(): Promise<DaemonEnd>;
}

/**
 * A data folder of a test. When the test is over, whatever runs on it is killed, and the folder goes; a process that had
 * outlived its daemon by then fails the test.
 */
export function dataFolder(): string {
  const data = mkdtempSync(join(tmpdir(), "cascade-data-"));
  onTestFinished(async () => {
    const left = processesOf(data);
    await endProcessesOf(data);
    rmSync(data, { recursive: true, force: true });
    const tasks = left.filter(({ isDaemon }) => !isDaemon).map(({ command }) => command);
    if (left.length > 0 && tasks.length === left.length) throw new Error(`left running: ${tasks.join("; ")}`);
  });
  return data;
}

/** Starts the daemon; it need not begin to serve. */
export function spawnDaemon(options: DaemonOptions): DaemonProcess {
  const { data, watch = [], config, environment = {}, socket = join(data, "cascade.sock") } = options;
  const argv = [builtProgram(), "daemon", "--data", data];
  for (const folder of watch) argv.push("--watch", folder);
  if (config !== undefined) argv.push("--config", config);
  const child = spawn(process.execPath, argv, {
    env: { PATH: process.env["PATH"], HOME: data, TZ: "UTC", ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const client = createClient(socket);
  const ended = new Promise<DaemonEnd>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => {
      client.close();
      resolve({ code, signal });
    });
  });
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null;

  return {
    pid: child.pid!,
    client,
    ended,
    hasEnded,
    stderr: () => stderr,
    signal: (signal) => void child.kill(signal),
    async ready() {
      const isRunning = await eventually(
        async () => hasEnded() || ((await client.status()).state === "running" && "running"),
        { timeoutMs: 20_000, what: "the daemon serves" },
      );
      if (isRunning === true) throw new Error(`the daemon ended: ${JSON.stringify(await ended)}\n${stderr}`);
    },
    stop() {
      child.kill("SIGTERM");
      return ended;
    },
    kill() {
      child.kill("SIGKILL");
      return ended;
    },
  };
}

/** Starts the daemon and waits until it serves. */
export async function startDaemon(options: DaemonOptions): Promise<DaemonProcess> {
  const daemon = spawnDaemon(options);
  await daemon.ready();
  return daemon;
}

/** The daemon's own log, as objects. */
export function daemonLog(data: string, names: readonly string[]): Record<string, unknown>[] {
  return names.flatMap((name) =>
    readFileSync(join(data, "logs", name), "utf8")
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line) as Record<string, unknown>),
  );
}
