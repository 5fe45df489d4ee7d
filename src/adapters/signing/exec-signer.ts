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
  clock: Clock;
  timeLimitMs: number;
}

/** What is kept of what a command writes. */
const OUTPUT_MAX = 64 * 1024;

/**
 * A signer that is a command: it gets the bytes to sign on stdin and writes the signature on stdout in base64, ECDSA P-256 with
 * SHA-256 in DER or Ed25519. What it answers is checked with the public key. Throws `KEY_UNREADABLE`.
 */
export function createExecSigner({ command, publicKey, clock, timeLimitMs }: ExecSignerOptions): Signer {
  const { keyId, pem } = readPublicKey(publicKey);
  return {
    keyId,
    publicKey: pem,
    async sign(bytes) {
      const text = (await run(command, bytes, clock, timeLimitMs)).replace(/\s/g, "");
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

function run(command: string, input: Uint8Array, clock: Clock, timeLimitMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // A group of its own, so that whatever the shell starts ends with it.
    const child = spawn("/bin/sh", ["-c", command], { stdio: ["pipe", "pipe", "pipe"], detached: true });
    let out = "";
    let err = "";
    const fail = (reason: string) => reject(failure(command, reason, err));
    const callOff = clock.after(timeLimitMs, () => {
      killGroup(child.pid);
      fail(`it took longer than ${timeLimitMs / 1_000} s`);
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out = (out + text).slice(0, OUTPUT_MAX)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (err = (err + text).slice(0, OUTPUT_MAX)));
    // A command that does not read what it is given says why by itself.
    child.stdin.on("error", () => undefined);
    child.on("error", (error) => {
      callOff();
      fail(error.message);
    });
    child.on("close", (code, signal) => {
      callOff();
      if (code === 0) resolve(out);
      else fail(signal === null ? `it ended with code ${code}` : `it was killed by ${signal}`);
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
