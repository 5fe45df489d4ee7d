import { closeSync, constants, fstatSync, openSync, readFileSync, realpathSync, type Stats, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { isWithin, type TrustPolicy } from "../domain/trust-policy.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import { realPath } from "./real-path.ts";
import { readTrust } from "./trust-toml.ts";

export const TRUST_FILE = "trust.toml";

export interface TrustFileOptions {
  /** Absolute. */
  path: string;
  /** Whether somebody named the file, so that it has to be there. */
  required: boolean;
  /** The policy may not lie where packages are dropped. */
  watch: readonly string[];
  /** Of the daemon: beside root the only user who may own the policy. */
  uid: number;
  home: string;
}

/**
 * The trust policy; null when there is none. Throws `TRUST_UNSAFE` when somebody else may write to it, to its folder or to a
 * key file that it names, `TRUST_INVALID` with every problem, `CONFIG_UNREADABLE` when it cannot be read.
 */
export function loadTrust({ path, required, watch, uid, home }: TrustFileOptions): TrustPolicy | null {
  let text: string;
  try {
    text = readSafely(path, watch, uid);
  } catch (error) {
    if (error instanceof CascadeError) throw error;
    const code = systemErrorCode(error);
    if (code === "ENOENT" && !required) return null;
    throw new CascadeError("CONFIG_UNREADABLE", `cannot read ${path} (${code ?? String(error)})`, {
      cause: error,
      hint: "Create the file and make it readable for the daemon's user, or take `trust` out of cascade.toml.",
    });
  }
  const readKeyFile = (file: string) => readSafely(file, watch, uid);
  const reading = readTrust({ path, uri: pathToFileURL(path).href, text, home, readKeyFile, realPath });
  if ("policy" in reading) return reading.policy;
  const [first] = reading.problems;
  const count = reading.problems.length === 1 ? "a problem" : `${reading.problems.length} problems`;
  throw new CascadeError("TRUST_INVALID", `the trust policy has ${count}: ${first!.place}: ${first!.message}`, {
    problems: reading.problems,
    hint: first!.hint,
  });
}

/** What is judged is what is read: one descriptor. */
function readSafely(path: string, watch: readonly string[], uid: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const real = realpathSync(path);
    checkSafe(path, fstatSync(file), uid);
    for (const folder of new Set([dirname(path), dirname(real)])) checkSafe(folder, statSync(folder), uid);
    const around = watch.find((folder) => isWithin(real, realPath(folder)));
    if (around !== undefined) {
      throw new CascadeError("TRUST_UNSAFE", `${path} lies in the watched folder ${around}`, {
        hint: "Move it to where packages are not dropped, such as beside cascade.toml.",
      });
    }
    return readFileSync(file, "utf8");
  } finally {
    closeSync(file);
  }
}

function checkSafe(path: string, stats: Stats, uid: number): void {
  if ((stats.mode & 0o022) !== 0) {
    const mode = (stats.mode & 0o7777).toString(8).padStart(4, "0");
    throw new CascadeError("TRUST_UNSAFE", `others may write to ${path} (mode ${mode})`, {
      hint: `Run \`chmod go-w '${path}'\`.`,
    });
  }
  if (stats.uid !== 0 && stats.uid !== uid) {
    throw new CascadeError(
      "TRUST_UNSAFE",
      `${path} belongs to user ${stats.uid}, who is neither root nor the daemon's`,
      {
        hint: `Run \`sudo chown root '${path}'\`.`,
      },
    );
  }
}
