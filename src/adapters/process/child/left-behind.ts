import { readSync, openSync } from "node:fs";
import { subscribe } from "node:diagnostics_channel";
import type { Server } from "node:net";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { describeProcesses, endLeftProcesses, leftProcesses } from "../left-processes.ts";
import type { HostSettings } from "../protocol.ts";
import { watchPrograms, watchThreads } from "./starts.ts";

/** What an attempt has left running in and below its process. */
export interface LeftBehind {
  /** What is there from now on is the package's own, not an attempt's: it was imported just now. */
  settle(): Promise<void>;
  /** A look of a few microseconds, after each attempt. Nearly always false. */
  isSuspected(): boolean;
  /** Ends the processes that were left, and tells in words what was found; the rest ends with this process. */
  end(): Promise<readonly string[]>;
}

/** One line of a dozen children, or the numbers in a control group, fit in; what is longer is suspect anyway. */
const READ_BYTES = 256;

/**
 * With a control group, its list of processes tells of everything. Without one, the list of the main thread's children does,
 * but for what these have left: that is looked for when a program or a thread was started.
 */
export function createLeftBehind({ name, cgroup }: Pick<HostSettings, "name" | "cgroup">): LeftBehind {
  const look = openLook(cgroup === null ? `/proc/self/task/${process.pid}/children` : join(cgroup, "cgroup.procs"));
  const servers = new Set<Server>();
  const threads = new Set<Worker>();
  let started = false;
  /** The list as it is without an attempt. */
  let usual = look();
  const own = new Set<number>();
  const descent = { leader: process.pid, hostName: name, cgroup: cgroup ?? undefined };

  subscribe("tracing:net.server.listen:asyncStart", (message) => servers.add((message as { server: Server }).server));
  watchThreads((thread) => {
    started = true;
    threads.add(thread);
    thread.once("exit", () => threads.delete(thread));
  });
  if (cgroup === null) watchPrograms(() => (started = true));

  return {
    async settle() {
      servers.clear();
      threads.clear();
      if (look() !== usual || started) {
        for (const pid of await leftProcesses(descent)) own.add(pid);
        usual = look();
      }
      started = false;
    },
    isSuspected() {
      if (servers.size > 0) for (const server of servers) if (!server.listening) servers.delete(server);
      return look() !== usual || started || servers.size > 0 || threads.size > 0;
    },
    async end() {
      started = false;
      const found: string[] = [];
      const left = await endLeftProcesses(descent, own);
      if (left.length > 0) found.push(`ended what it left running: ${describeProcesses(left)}`);
      if (threads.size > 0) found.push(`it left ${count(threads.size, "thread")} running`);
      if (servers.size > 0) found.push(`it left ${count(servers.size, "server")} listening`);
      return found;
    },
  };
}

function count(number: number, what: string): string {
  return number === 1 ? `a ${what}` : `${number} ${what}s`;
}

/** Reads a file of the kernel's anew each time, through one descriptor; it is empty where there is no such file. */
function openLook(path: string): () => string {
  const bytes = Buffer.alloc(READ_BYTES);
  try {
    const descriptor = openSync(path, "r");
    return () => bytes.toString("latin1", 0, readSync(descriptor, bytes, 0, READ_BYTES, 0));
  } catch {
    return () => "";
  }
}
