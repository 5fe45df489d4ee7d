import { type ChildProcess, spawn } from "node:child_process";
import { HOST_MARKER } from "./task-environment.ts";

/**
 * A process that outlives the daemon by a moment: when the daemon is gone, however that came, it kills what commands have
 * running. Those are programs of others, which have no thread that watches.
 */
export interface Warden {
  /** A command leads this process group. */
  add(group: number): void;
  remove(group: number): void;
  /** Nothing is to be watched any more. */
  close(): void;
}

/**
 * Each line that it is told is the list of groups from then on. TERM and its like are not for it, as it has to be there when
 * the daemon is not. `$1` is the folder of the control groups, or empty.
 */
const SCRIPT = `trap '' TERM INT HUP
while read -r line; do groups=$line; done
for group in $groups; do kill -KILL "-$group"; done
[ -z "$groups" ] || [ -z "$1" ] || echo 1 > "$1/cgroup.kill"`;

export interface WardenOptions {
  /** Its marker is that of this life of the daemon, so that the next one finds it. */
  bootId: string;
  /** The folder of the control groups, as far as there are any. */
  cgroupRoot: () => string | undefined;
}

/** Started with the first command. */
export function createWarden({ bootId, cgroupRoot }: WardenOptions): Warden {
  const groups = new Set<number>();
  let child: ChildProcess | undefined;

  const start = (): ChildProcess => {
    const started = spawn("/bin/sh", ["-c", SCRIPT, "sh", cgroupRoot() ?? ""], {
      cwd: "/",
      env: { [HOST_MARKER]: `${bootId}:0` },
      // A signal to the daemon's group is not for it either.
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    started.stdin?.on("error", () => undefined);
    started.on("error", () => undefined);
    started.on("exit", () => {
      if (child !== started) return;
      child = undefined;
      // Somebody has killed it.
      if (groups.size > 0) tell();
    });
    started.unref();
    (started.stdin as { unref?: () => void } | null)?.unref?.();
    return started;
  };
  const tell = () => {
    child ??= start();
    child.stdin?.write(`${[...groups].join(" ")}\n`);
  };

  return {
    add(group) {
      groups.add(group);
      tell();
    },
    remove(group) {
      if (groups.delete(group)) tell();
    },
    close() {
      groups.clear();
      child?.stdin?.end("\n");
      child = undefined;
    },
  };
}
