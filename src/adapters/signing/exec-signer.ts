import { spawn } from "node:child_process";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Signer } from "../../ports/signer.ts";
import { isSignedBy, readPublicKey } from "./public-key.ts";

export interface ExecSignerOptions {
  /** Given to `/bin/sh -c`. */
  command: string;
  /** PEM of the public key whose signatures the command makes. */
  publicKey: string;
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  timeLimitMs: number;
}

/** What is kept of what a command writes. */
const OUTPUT_MAX = 64 * 1024;
const ERROR_TEXT_MAX = 2_000;
const GIVEN_UP = "it was not waited for any longer";

/**
 * A signer that is a command: it gets the bytes to sign on stdin and writes the signature on stdout in base64, ECDSA P-256 with
 * SHA-256 in DER or Ed25519. What it answers is checked with the public key. Throws `KEY_UNREADABLE`.
 */
export function createExecSigner(options: ExecSignerOptions): Signer {
  const { command } = options;
  const { keyId, pem } = readPublicKey(options.publicKey);
  return {
    keyId,
    publicKey: pem,
    async sign(bytes, signal) {
      const text = (await run(bytes, options, signal)).replace(/\s/g, "");
      const signature = Buffer.from(text, "base64");
      if (signature.length === 0 || signature.toString("base64") !== text) {
        throw failure(command, "it did not write a signature in base64 on stdout");
      }
      if (!isSignedBy(pem, bytes, signature)) {
        throw failure(command, `what it wrote is no signature of key ${keyId} over the bytes it was given`);
      }
      return signature;
    },
  };
}

function run(input: Uint8Array, options: ExecSignerOptions, signal: AbortSignal | undefined): Promise<string> {
  const { command, environment, clock, timeLimitMs } = options;
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw failure(command, GIVEN_UP);
    // A group of its own, so that whatever the shell starts ends with it.
    const child = spawn("/bin/sh", ["-c", command], {
      env: { ...environment },
      stdio: ["pipe", "pipe", "pipe"],
      detached: true,
    });
    let out = "";
    let err = "";
    const fail = (reason: string) => reject(failure(command, reason, err));
    const end = (reason: string) => {
      killGroup(child.pid);
      // A process that has left the group may hold the pipes open for ever.
      child.stdout.destroy();
      child.stderr.destroy();
      fail(reason);
    };
    const giveUp = () => end(GIVEN_UP);
    const callOffLimit = clock.after(timeLimitMs, () => end(`it took longer than ${timeLimitMs / 1_000} s`));
    const callOff = () => {
      callOffLimit();
      signal?.removeEventListener("abort", giveUp);
    };
    signal?.addEventListener("abort", giveUp);
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out = (out + text).slice(0, OUTPUT_MAX)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err = (err + text).slice(0, ERROR_TEXT_MAX)));
    // A command that does not read what it is given says why by itself.
    child.stdin.on("error", () => undefined);
    child.on("error", (error) => {
      callOff();
      fail(error.message);
    });
    child.on("close", (code, killedBy) => {
      callOff();
      if (code === 0) resolve(out);
      else fail(killedBy === null ? `it ended with code ${code}` : `it was killed by ${killedBy}`);
    });
    child.stdin.end(input);
  });
}

function killGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, "SIGKILL");
  } catch {
    // It has just ended by itself.
  }
}

function failure(command: string, reason: string, stderr = ""): CascadeError {
  const said = stderr.trim() === "" ? "" : `: ${stderr.trim()}`;
  return new CascadeError("SIGNER_FAILED", `the signer \`${command}\` failed: ${reason}${said}`);
}
