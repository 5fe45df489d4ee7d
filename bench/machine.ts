import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, release, tmpdir, totalmem } from "node:os";
import { rounded } from "./statistics.ts";

/** What the numbers were taken on, and of which commit. */
export function machine(root: string) {
  return {
    commit: gitOutput(root, ["rev-parse", "--short", "HEAD"]),
    changed: gitOutput(root, ["status", "--porcelain", "--", "src"]) !== "",
    at: new Date().toISOString(),
    node: process.version,
    kernel: release(),
    processors: cpus().length,
    model: cpus()[0]?.model.trim() ?? "unknown",
    memoryGb: rounded(totalmem() / 2 ** 30),
    fileSystem: fileSystemOf(tmpdir()),
    loadAverage: rounded(loadavg()[0] ?? 0),
  };
}

function gitOutput(root: string, args: readonly string[]): string {
  try {
    return execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch {
    // A checkout without its history.
    return "unknown";
  }
}

/** The type of the mount that holds the folder: the one with the longest path above it. */
function fileSystemOf(folder: string): string {
  const mounts = readFileSync("/proc/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "));
  const above = mounts.filter(([, at = "-"]) => folder === at || folder.startsWith(at.endsWith("/") ? at : `${at}/`));
  return above.sort(([, a = ""], [, b = ""]) => b.length - a.length)[0]?.[2] ?? "unknown";
}
