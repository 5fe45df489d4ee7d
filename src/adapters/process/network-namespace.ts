import { spawn } from "node:child_process";
import { existsSync } from "node:fs";

const UNSHARE = ["/usr/bin/unshare", "/bin/unshare"];
/** As the same user, so that files belong to whom they belong; the new network has not even a working loopback. */
const OPTIONS = ["--user", "--map-current-user", "--net", "--"];

/**
 * What to put before a command to run it without a network; undefined where the kernel or the service's own sandbox allows no
 * such thing to this user.
 */
export async function networkNamespace(): Promise<readonly string[] | undefined> {
  const program = UNSHARE.find((path) => existsSync(path));
  if (program === undefined) return undefined;
  const launcher = [program, ...OPTIONS];
  return (await succeeds([...launcher, "/bin/true"])) ? launcher : undefined;
}

function succeeds([file = "", ...args]: readonly string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const child = spawn(file, args, { stdio: "ignore" });
    child.once("error", () => resolve(false));
    child.once("exit", (code) => resolve(code === 0));
  });
}
