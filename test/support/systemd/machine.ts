import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "../eventually.ts";

export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A booted systemd with a root, processes, users and cgroups of its own; the project is at `/opt/cascade`. */
export interface Machine {
  /** Runs a program inside, as root unless another user is named, for at most `timeoutMs` (60 s). */
  run(
    argv: readonly string[],
    options?: { user?: "ann" | "eve"; timeoutMs?: number; input?: string },
  ): Promise<Finished>;
  /** Ends everything inside and takes every trace away. */
  destroy(): Promise<void>;
}

const BOOT = fileURLToPath(new URL("boot.sh", import.meta.url));
const NAMESPACES = ["-m", "-p", "-u", "-i", "-C"];
const PROGRAMS = ["unshare", "nsenter", "capsh", "setpriv", "systemctl", "systemd-notify", "journalctl", "groupadd"];
const NODE = "/opt/node/bin/node";

/** Why a systemd cannot be booted here, or null. */
export function whyNoMachine(): string | null {
  if (process.getuid?.() !== 0) return "it needs root";
  const missing = PROGRAMS.filter((program) => spawnSync("sh", ["-c", `command -v ${program}`]).status !== 0);
  if (missing.length > 0) return `the host has no ${missing.join(", ")}`;
  if (!existsSync("/lib/systemd/systemd")) return "the host has no systemd";
  const parent = cgroupParent();
  if (parent === null) return "no cgroup2 tree is mounted";
  const probe = join(parent, `cascade-probe.${process.pid}`);
  try {
    mkdirSync(probe);
    rmdirSync(probe);
  } catch {
    return "cgroups cannot be made here";
  }
  // A mount shows at once whether the capabilities of this root reach that far.
  const mount = "mount -t tmpfs tmpfs /mnt && mount -t proc proc /mnt && mount -t cgroup2 cgroup2 /mnt";
  const tried = spawnSync(
    "unshare",
    ["-m", "-p", "-f", "-u", "-i", "-C", "--propagation", "private", "sh", "-c", mount],
    {
      encoding: "utf8",
      timeout: 10_000,
    },
  );
  return tried.status === 0 ? null : `namespaces with mounts are not allowed: ${tried.stderr.trim()}`;
}

/** The cgroup2 tree: the whole of a newer host, a branch beside the controllers of an older one. */
function cgroupParent(): string | null {
  const folders = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
  return folders.find((folder) => existsSync(join(folder, "cgroup.procs")) && isCgroup2(folder)) ?? null;
}

function isCgroup2(folder: string): boolean {
  return readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .some((line) => line.split(" ")[1] === folder && line.split(" ")[2] === "cgroup2");
}

/** Boots within 60 s or rejects with what was printed. */
export async function bootMachine(app: string): Promise<Machine> {
  const root = mkdtempSync(join(tmpdir(), "cascade-machine-"));
  const cgroup = join(cgroupParent()!, `cascade-test.${process.pid}.${Date.now()}`);
  mkdirSync(cgroup);
  const nodeDir = dirname(dirname(process.execPath));
  // The death signal ends the machine with this process, however that ends.
  const init = spawn(
    "setpriv",
    [
      ...["--pdeathsig", "KILL", "bash", "-c", `echo $$ > ${cgroup}/cgroup.procs; exec "$@"`, "machine"],
      ...["unshare", ...NAMESPACES, "-f", "--propagation", "private", "--kill-child=SIGKILL"],
      ...[BOOT, root, app, nodeDir],
    ],
    { stdio: ["ignore", "pipe", "pipe"], cwd: "/", env: { PATH: process.env["PATH"] } },
  );
  let said = "";
  init.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  init.stderr.on("data", (chunk: Buffer) => (said += chunk.toString()));

  const machine: Machine = {
    run: (argv, options = {}) => runInside(firstProcess(init), argv, options),
    async destroy() {
      const gone = new Promise((resolve) =>
        init.exitCode === null && init.signalCode === null ? init.once("exit", resolve) : resolve(null),
      );
      const first = childOf(init.pid!);
      if (first !== null) process.kill(first, "SIGKILL");
      else init.kill("SIGKILL");
      await gone;
      await eventually(() => removeCgroups(cgroup), { what: "the machine's cgroups are empty" });
      rmdirSync(root);
    },
  };
  try {
    await eventually(
      async () => {
        if (init.exitCode !== null) throw new Error(`the machine ended: ${said}`);
        const state = (await machine.run(["systemctl", "is-system-running"], { timeoutMs: 5_000 })).stdout.trim();
        if (state !== "running") throw new Error(`the machine is ${state || "silent"}: ${said}`);
      },
      { timeoutMs: 60_000, everyMs: 200, what: "systemd is running" },
    );
  } catch (error) {
    await machine.destroy();
    throw error;
  }
  return machine;
}

function firstProcess(init: ChildProcess): number {
  const pid = childOf(init.pid!);
  if (pid === null) throw new Error("the machine has not started");
  return pid;
}

function childOf(pid: number): number | null {
  try {
    const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    return child ? Number(child) : null;
  } catch {
    return null;
  }
}

function runInside(
  pid: number,
  argv: readonly string[],
  { user, timeoutMs = 60_000, input = "" }: { user?: "ann" | "eve"; timeoutMs?: number; input?: string },
): Promise<Finished> {
  const as = user ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--init-groups", "--"] : [];
  const child = spawn("nsenter", ["-t", String(pid), ...NAMESPACES, "--", ...as, ...argv], {
    cwd: "/",
    // A session of its own, so that a signal to a process group inside never reaches the tests' group.
    detached: true,
    env: {
      PATH: `${dirname(NODE)}:/usr/sbin:/usr/bin:/sbin:/bin`,
      HOME: user ? `/home/${user}` : "/root",
      LANG: "C.UTF-8",
    },
  });
  return new Promise((resolve, reject) => {
    let stdout = "";
    let stderr = "";
    const timer = setTimeout(() => process.kill(-child.pid!, "SIGKILL"), timeoutMs);
    child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
    child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
    child.on("error", reject);
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, stdout, stderr });
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
  });
}

function removeCgroups(folder: string): true {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) removeCgroups(join(folder, entry.name));
  }
  rmdirSync(folder);
  return true;
}
