import { readFileSync } from "node:fs";
import { HOST_MARKER } from "../adapters/process/task-environment.ts";
import { createExecSigner } from "../adapters/signing/exec-signer.ts";
import { openLocalSigner, putPublicKey } from "../adapters/signing/local-signer.ts";
import { type PublicKey, readPublicKey } from "../adapters/signing/public-key.ts";
import { createSshAgentSigner } from "../adapters/signing/ssh-agent.ts";
import type { Seal } from "../domain/sealed-statement.ts";
import type { Clock } from "../kernel/clock.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import type { Signer } from "../ports/signer.ts";
import type { ConfigValues } from "./config-keys.ts";
import { parseSigner, type SignerSpelling } from "./signer-spelling.ts";

/** A program has to start on a busy machine and to reach its service; nobody is asked for a PIN. */
const TIME_LIMIT_MS = 30_000;

/** Who signs proofs with a key that is not in the data folder, as it is configured. */
export interface ExternalSigner {
  spelling: SignerSpelling;
  publicKey: PublicKey;
}

/** Null when the key is in the data folder. Throws `CONFIG_UNREADABLE` or `KEY_UNREADABLE`; asks no signer. */
export function readExternalSigner(
  values: Pick<ConfigValues, "proof.signer" | "proof.public_key">,
): ExternalSigner | null {
  const spelling = parseSigner(values["proof.signer"]);
  if (!spelling) return null;
  const path = values["proof.public_key"];
  const publicKey = readPublicKey(textOf(path), path);
  if (spelling.kind === "ssh-agent" && publicKey.algorithm !== "Ed25519") {
    throw new CascadeError("KEY_UNREADABLE", `${path} holds a ${publicKey.algorithm} key`, {
      hint: "Name an Ed25519 key: an ssh-agent signs with no other kind that is taken here.",
    });
  }
  return { spelling, publicKey };
}

export interface SignerSurroundings {
  keysFolder: string;
  /** Of the daemon; commands get it, and an ssh-agent is found by it. */
  environment: Readonly<Record<string, string | undefined>>;
  bootId: string;
  clock: Clock;
}

export interface ProofSigner {
  /** Signs what was stored unsigned. */
  signer: Signer;
  /** For what is to be stored: signed at once with a key of the data folder, else unsigned. */
  seal: Seal;
}

/** Puts the public key into `keys/` and asks no external signer yet. Throws `KEY_UNREADABLE` or `CANNOT_CREATE`. */
export function openProofSigner(external: ExternalSigner | null, around: SignerSurroundings): ProofSigner {
  const { keysFolder } = around;
  if (!external) {
    const signer = openLocalSigner(keysFolder);
    return { signer, seal: signer };
  }
  const { keyId, pem } = external.publicKey;
  putPublicKey(keysFolder, pem);
  return { signer: externalSigner(external, around), seal: { keyId, sign: null } };
}

function externalSigner(
  { spelling, publicKey }: ExternalSigner,
  { environment, bootId, clock }: SignerSurroundings,
): Signer {
  const limits = { clock, timeLimitMs: TIME_LIMIT_MS };
  if (spelling.kind === "exec") {
    // A command that a dead daemon has left running is found by it and ended at the next start.
    const marked = { ...environment, [HOST_MARKER]: `${bootId}:signer` };
    return createExecSigner({
      ...limits,
      command: spelling.command,
      publicKey: publicKey.pem,
      environment: marked,
    });
  }
  const socket = environment["SSH_AUTH_SOCK"];
  return createSshAgentSigner({ ...limits, socket, wanted: spelling.wanted, publicKey });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw new CascadeError("CONFIG_UNREADABLE", `cannot read ${path} (${systemErrorCode(error) ?? String(error)})`, {
      cause: error,
      hint: "Write the public key there, or name another file as public_key in [proof].",
    });
  }
}
