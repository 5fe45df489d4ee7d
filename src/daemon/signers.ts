import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { createExecSigner } from "../adapters/signing/exec-signer.ts";
import { openKeyFile, privateKeyPath } from "../adapters/signing/key-files.ts";
import { openSshAgent } from "../adapters/signing/ssh-agent.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { Signer } from "../ports/signer.ts";
import type { Surroundings } from "./config-file.ts";
import { parseSigner } from "./signer-spelling.ts";

/** Somebody may have to touch a token or type a PIN. */
const TIME_LIMIT_MS = 60_000;

/** How an author says who signs. */
export interface SignerChoice {
  /** The name of a key in the author's folder, or the path of a private key. */
  key?: string | undefined;
  /** `exec:COMMAND`, `ssh-agent` or `ssh-agent:FINGERPRINT-OR-COMMENT`. */
  signer?: string | undefined;
  /** The file of the public key whose signatures an `exec:` signer makes. */
  publicKey?: string | undefined;
}

/** Where authors' keys are: `$XDG_CONFIG_HOME/cascade/keys`, which is `~/.config/cascade/keys` by default. */
export function authorKeysFolder({ environment, home }: Surroundings): string {
  return join(environment["XDG_CONFIG_HOME"] || join(home, ".config"), "cascade", "keys");
}

/** The signer that was chosen. Rejects with `USAGE`, `KEY_UNREADABLE` or `SIGNER_FAILED`. */
export async function chooseSigner(choice: SignerChoice, around: Surroundings & { clock: Clock }): Promise<Signer> {
  const { key, signer, publicKey } = choice;
  if ((key === undefined) === (signer === undefined)) {
    throw usage("name one signer: --key with a key's name or file, or --signer");
  }
  if (key !== undefined) return openKeyFile(keyPath(key, around));
  const { clock } = around;
  const spelling = parseSigner(signer!);
  if (!spelling) throw usage("--signer is exec:COMMAND, ssh-agent or ssh-agent:KEY");
  if (spelling.kind === "ssh-agent") {
    const socket = around.environment["SSH_AUTH_SOCK"];
    return openSshAgent({ socket, wanted: spelling.wanted, clock, timeLimitMs: TIME_LIMIT_MS });
  }
  if (publicKey === undefined) throw usage("an exec signer needs --public-key with the file of its public key");
  const pem = readText(resolve(around.workingDir, publicKey));
  const { environment } = around;
  return createExecSigner({
    command: spelling.command,
    publicKey: pem,
    environment,
    clock,
    timeLimitMs: TIME_LIMIT_MS,
  });
}

function keyPath(key: string, around: Surroundings): string {
  const path = resolve(around.workingDir, key);
  return key.includes("/") || existsSync(path) ? path : privateKeyPath(authorKeysFolder(around), key);
}

/** Throws `IO_FAILED`. */
export function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CascadeError("IO_FAILED", `cannot read ${path}: ${toCascadeError(error).message}`, {
      cause: error,
      hint: "Name a file that exists and can be read.",
    });
  }
}

function usage(message: string): CascadeError {
  return new CascadeError("USAGE", message);
}
