import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { BUNDLE_FILE } from "../../domain/manifest.ts";
import type { Clock } from "../../kernel/clock.ts";
import type { Bundle } from "./bundle.ts";
import type { Description } from "./described.ts";

const OUTPUT_KEPT = 2_000;
/** How Node ends when a module waits at its top for a promise that nothing can settle any more. */
const UNSETTLED_EXIT = 13;

export interface Describer {
  nodePath: string;
  /** The compiled `describe-entry`. */
  describeEntry: string;
  zodEntry: string;
  /** Where a folder of its own is made for each bundle, and removed after. */
  tempFolder: string;
  clock: Clock;
  /** How long importing the bundle may take. */
  timeLimitMs: number;
}

/** Learns what a bundle exports by running it in a child with an empty environment; whatever it does there is a description. */
export async function describeBundle(bundle: Bundle, entry: string, describer: Describer): Promise<Description> {
  const folder = await mkdtemp(join(describer.tempFolder, "cascade-pack-"));
  try {
    const bundlePath = join(folder, BUNDLE_FILE);
    const resultPath = join(folder, "description.json");
    await writeFile(bundlePath, bundle.code);
    await writeFile(`${bundlePath}.map`, bundle.map);
    for (const { path, bytes } of bundle.files) {
      await mkdir(dirname(join(folder, path)), { recursive: true });
      await writeFile(join(folder, path), bytes);
    }
    const { nodePath, describeEntry, zodEntry } = describer;
    const child = spawn(nodePath, [describeEntry, bundlePath, resultPath, zodEntry], {
      cwd: folder,
      env: { PATH: "/usr/bin:/bin", HOME: folder, TMPDIR: folder, LANG: "C.UTF-8", TZ: "UTC" },
      // A group of its own, so that whatever it starts ends with it.
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    const end = await endOf(child, describer);
    const result = await readFile(resultPath, "utf8").catch(() => undefined);
    if (result !== undefined) return JSON.parse(result) as Description;
    return { failure: { message: describeEnd(end, describer.timeLimitMs), place: entry } };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

interface ChildEnd {
  code: number | null;
  signal: NodeJS.Signals | null;
  timedOut: boolean;
  /** The last that it printed. */
  output: string;
}

function endOf(child: ChildProcess, { clock, timeLimitMs }: Describer): Promise<ChildEnd> {
  return new Promise((resolve, reject) => {
    let output = "";
    let timedOut = false;
    const killGroup = () => {
      try {
        if (child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      } catch {
        // No process of the group is left.
      }
    };
    const stopTimer = clock.after(timeLimitMs, () => {
      timedOut = true;
      killGroup();
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-OUTPUT_KEPT)));
    }
    child.once("error", (error) => {
      stopTimer();
      reject(error);
    });
    // Not `close`: a process that it left behind may hold its output open.
    child.once("exit", (code, signal) => {
      stopTimer();
      killGroup();
      child.stdout?.destroy();
      child.stderr?.destroy();
      resolve({ code, signal, timedOut, output });
    });
  });
}

function describeEnd({ code, signal, timedOut, output }: ChildEnd, timeLimitMs: number): string {
  if (timedOut) return `importing the package takes longer than ${timeLimitMs / 1_000} s`;
  if (code === UNSETTLED_EXIT) return "the package waits at its top for something that never happens";
  const how = signal === null ? `with code ${code}` : `by ${signal}`;
  const last = output.trim().split("\n").slice(-3).join(" ");
  return `the process that imports the package ended ${how}${last === "" ? "" : `: ${last}`}`;
}
