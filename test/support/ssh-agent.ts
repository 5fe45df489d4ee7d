import { execFileSync, spawn, spawnSync } from "node:child_process";
import { createPublicKey } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.ts";
import { tempFolder } from "./temp-folder.ts";

const ED25519_SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

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
    /** SPKI PEM of an Ed25519 key. */
    publicKey(comment: string): string {
      const [, blob] = readFileSync(join(folder, `${comment}.pub`), "utf8").split(" ");
      const der = Buffer.concat([ED25519_SPKI_PREFIX, Buffer.from(blob!, "base64").subarray(-32)]);
      return createPublicKey({ key: der, format: "der", type: "spki" })
        .export({ type: "spki", format: "pem" })
        .toString();
    },
    /** As ssh-keygen shows it. */
    fingerprint: (comment: string) =>
      execFileSync("ssh-keygen", ["-l", "-f", join(folder, `${comment}.pub`)], { encoding: "utf8" }).split(" ")[1]!,
  };
}
