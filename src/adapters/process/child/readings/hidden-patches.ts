import childProcess from "node:child_process";
import dgram from "node:dgram";
import dns from "node:dns";
import http from "node:http";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import workerThreads from "node:worker_threads";
import { announced, type AnyFunction, inPlaceOf, type Patch, type Refusal } from "./patches.ts";
import type { Readings } from "./session.ts";

const DNS = ["lookup", "lookupService", "resolve", "resolve4", "resolve6", "reverse"];
const OF_THE_MACHINE = [
  ...["hostname", "networkInterfaces", "uptime", "freemem", "totalmem", "loadavg", "cpus", "userInfo"],
  ...["release", "version"],
];

/**
 * The ways to the outside past the context, each where all of its callers meet: network, other processes, threads, the
 * machine. What native code does, and what was opened before the attempt, is not seen.
 */
export function hiddenPatches(
  current: () => Readings | undefined,
  outside: <Result>(run: () => Result) => Result,
): Patch[] {
  const hide = (on: object, name: string, what: (args: unknown[]) => string, refusal: Refusal = "throws"): Patch => {
    const real = (on as Record<string, AnyFunction>)[name]!;
    // It may go through others of these, which have nothing to add.
    const alone: AnyFunction = function (...args) {
      return current() ? outside(() => real.apply(this, args)) : real.apply(this, args);
    };
    return { on, name, value: announced(inPlaceOf(real, alone), (args) => current()?.hidden(what(args)), refusal) };
  };
  const each = (on: object, names: readonly string[], what: (name: string) => string, refusal?: Refusal) =>
    names.filter((name) => name in on).map((name) => hide(on, name, () => what(name), refusal));

  const RealWorker = workerThreads.Worker;
  const Worker: typeof RealWorker = new Proxy(RealWorker, {
    construct(target, args, newTarget) {
      current()?.hidden("worker thread");
      return Reflect.construct(target, args, newTarget === Worker ? target : newTarget) as object;
    },
  });

  return [
    hide(globalThis, "fetch", ([input]) => `global fetch of ${addressOf(input)}`, "rejects"),
    hide(net.Socket.prototype, "connect", (args) => `connection to ${addressOf(args[0])}`),
    hide(net.Server.prototype, "listen", () => "listening socket"),
    ...each(http, ["request", "get"], (name) => `http.${name}`),
    ...each(https, ["request", "get"], (name) => `https.${name}`),
    ...each(dgram.Socket.prototype, ["send", "bind", "connect"], () => "datagram socket"),
    ...each(dns, DNS, (name) => `dns.${name}`),
    ...each(dns.promises, DNS, (name) => `dns.${name}`, "rejects"),
    hide(
      (childProcess as unknown as { ChildProcess: { prototype: object } }).ChildProcess.prototype,
      "spawn",
      programOf,
    ),
    ...["spawnSync", "execFileSync", "execSync"].map((name) => hide(childProcess, name, programOf)),
    { on: workerThreads, name: "Worker", value: Worker },
    ...each(os, OF_THE_MACHINE, (name) => `os.${name}`),
  ];
}

function programOf([first]: unknown[]): string {
  const file = typeof first === "object" && first !== null && "file" in first ? first.file : first;
  return `program ${String(file)}`;
}

/** Without path and query, which may hold secrets. */
function addressOf(target: unknown): string {
  if (typeof target === "string" && target.includes("://")) return URL.canParse(target) ? new URL(target).origin : "";
  if (target instanceof URL) return target.origin;
  // What `net` has made of its arguments is a list that begins with them.
  const [options] = Array.isArray(target) ? (target as unknown[]) : [target];
  if (typeof options !== "object" || options === null) return String(options);
  const { url, path, host = "localhost", port } = options as Partial<Record<string, string>>;
  if (url !== undefined) return addressOf(url);
  return port === undefined ? (path ?? host) : `${host}:${port}`;
}
