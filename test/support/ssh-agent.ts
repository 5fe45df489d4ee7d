import { execFileSync, spawn, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.ts";
import { tempFolder } from "./temp-folder.ts";

export const hasSshAgent = spawnSync("ssh-agent", ["-h"]).error === undefined;

if (!hasSshAgent) console.warn("skipped: there is no ssh-agent on this host");

/** A real ssh-agent that ends with its test, with a key for each comment: RSA for those that begin with `rsa`, else Ed25519. */
export async function startSshAgent(...comments: readonly string[]) {
  const folder = tempFolder();
  const socket = join(folder, "agent.sock");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  const ended = new Promise((resolve) => agent.once("exit", resolve));
  onTestFinished(async () => {
    agent.kill();
    await ended;
  });
  await eventually(() => statSync(socket).isSocket());
  for (const comment of comments) {
    const file = join(folder, comment);
    const kind = comment.startsWith("rsa") ? "rsa" : "ed25519";
    execFileSync("ssh-keygen", ["-q", "-t", kind, "-N", "", "-C", comment, "-f", file]);
    execFileSync("ssh-add", ["-q", file], { env: { ...process.env, SSH_AUTH_SOCK: socket }, stdio: "ignore" });
  }
  return {
    socket,
    /** As ssh-keygen shows it. */
    fingerprint: (comment: string) =>
      execFileSync("ssh-keygen", ["-l", "-f", join(folder, `${comment}.pub`)], { encoding: "utf8" }).split(" ")[1]!,
  };
}
