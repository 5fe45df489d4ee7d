import { createPublicKey } from "node:crypto";
import { connect } from "node:net";
import { sha256 } from "../../kernel/digest.ts";
import { invariant } from "../../kernel/assert.ts";
import type { Clock } from "../../kernel/clock.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Signer } from "../../ports/signer.ts";
import { isSignedBy, type PublicKey, publicKeyOf } from "./public-key.ts";

// Numbers and forms of https://datatracker.ietf.org/doc/html/draft-ietf-sshm-ssh-agent
const REQUEST_IDENTITIES = 11;
const IDENTITIES_ANSWER = 12;
const SIGN_REQUEST = 13;
const SIGN_RESPONSE = 14;
/** OpenSSH's own limit for a message. */
const MESSAGE_MAX = 256 * 1024;
const KEY_TYPE = "ssh-ed25519";
/** Of an Ed25519 public key in SPKI DER; the 32 bytes of the key follow. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

export interface SshAgentOptions {
  /** `$SSH_AUTH_SOCK`. */
  socket: string | undefined;
  /** `SHA256:…` or the comment of the key; null takes the only Ed25519 key there is. */
  wanted: string | null;
  clock: Clock;
  timeLimitMs: number;
}

const GIVEN_UP = "it was not waited for any longer";

interface Identity {
  blob: Buffer;
  key: Buffer;
  comment: string;
  fingerprint: string;
}

/**
 * A signer whose Ed25519 key is held by an ssh-agent, which signs any bytes it is given. Rejects with `SIGNER_FAILED`, also
 * when the agent has no such key or several.
 */
export async function openSshAgent(options: SshAgentOptions): Promise<Signer> {
  const identity = choose(await listIdentities(options), options.wanted);
  const der = Buffer.concat([SPKI_PREFIX, identity.key]);
  const { keyId, pem } = publicKeyOf(createPublicKey({ key: der, format: "der", type: "spki" }))!;
  return {
    keyId,
    publicKey: pem,
    sign: (bytes, signal) => signWith(identity.blob, pem, bytes, { ...options, signal }),
  };
}

/**
 * The same of an Ed25519 key that is known beforehand: the agent is asked when something is to be signed, and need not be there
 * before.
 */
export function createSshAgentSigner(options: SshAgentOptions & { publicKey: PublicKey }): Signer {
  const { wanted } = options;
  const { keyId, pem, algorithm } = options.publicKey;
  invariant(algorithm === "Ed25519", "an ssh-agent is asked for an Ed25519 key");
  const key = createPublicKey(pem).export({ type: "spki", format: "der" }).subarray(SPKI_PREFIX.length);
  return {
    keyId,
    publicKey: pem,
    async sign(bytes, signal) {
      const identities = await listIdentities({ ...options, signal });
      const identity = identities.find((each) => each.key.equals(key) && isWanted(each, wanted));
      if (identity) return signWith(identity.blob, pem, bytes, { ...options, signal });
      throw failed(`${wanted === null ? "no key" : `no key "${wanted}"`} in it is ${keyId}; ${shown(identities)}`);
    },
  };
}

async function signWith(blob: Buffer, publicKey: string, bytes: Uint8Array, options: AskOptions): Promise<Buffer> {
  const request = Buffer.concat([Buffer.from([SIGN_REQUEST]), field(blob), field(Buffer.from(bytes)), Buffer.alloc(4)]);
  const answer = reader(await ask(request, SIGN_RESPONSE, options));
  const signed = reader(answer.field());
  const type = signed.field().toString("latin1");
  const signature = signed.field();
  if (type !== KEY_TYPE || !isSignedBy(publicKey, bytes, signature)) throw failed("its signature is not of that key");
  return signature;
}

async function listIdentities(options: AskOptions): Promise<Identity[]> {
  const answer = reader(await ask(Buffer.from([REQUEST_IDENTITIES]), IDENTITIES_ANSWER, options));
  const identities: Identity[] = [];
  for (let left = answer.count(); left > 0; left--) {
    const blob = answer.field();
    const comment = answer.field().toString("utf8");
    const parts = reader(blob);
    if (parts.field().toString("latin1") !== KEY_TYPE) continue;
    const digest = Buffer.from(sha256(blob), "hex").toString("base64").replace(/=+$/, "");
    identities.push({ blob, key: parts.field(), comment, fingerprint: `SHA256:${digest}` });
  }
  return identities;
}

function choose(identities: readonly Identity[], wanted: string | null): Identity {
  const [only, ...others] = identities.filter((identity) => isWanted(identity, wanted));
  if (only && others.length === 0) return only;
  const has = shown(identities);
  throw failed(only ? `several keys fit; ${has}` : wanted === null ? has : `no Ed25519 key is "${wanted}"; ${has}`);
}

function isWanted({ comment, fingerprint }: Identity, wanted: string | null): boolean {
  return wanted === null || wanted === comment || wanted === fingerprint;
}

function shown(identities: readonly Identity[]): string {
  const known = identities.map(({ comment, fingerprint }) => `${fingerprint} (${comment})`).join(", ");
  return known === "" ? "it has no Ed25519 key" : `it has ${known}`;
}

interface AskOptions extends Pick<SshAgentOptions, "socket" | "clock" | "timeLimitMs"> {
  signal?: AbortSignal | undefined;
}

/** One request and its answer, without the number of its type. */
function ask(
  request: Buffer,
  expected: number,
  { socket: path, clock, timeLimitMs, signal }: AskOptions,
): Promise<Buffer> {
  if (!path) throw failed("SSH_AUTH_SOCK is not set");
  if (signal?.aborted) throw failed(GIVEN_UP);
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    let received = Buffer.alloc(0);
    const end = (error: CascadeError | null, answer: Buffer) => {
      callOff();
      signal?.removeEventListener("abort", giveUp);
      socket.destroy();
      if (error) reject(error);
      else resolve(answer);
    };
    const fail = (reason: string) => end(failed(reason), received);
    const giveUp = () => fail(GIVEN_UP);
    signal?.addEventListener("abort", giveUp);
    const callOff = clock.after(timeLimitMs, () => fail(`it did not answer within ${timeLimitMs / 1_000} s`));
    socket.on("error", (error) => fail(error.message));
    socket.on("end", () => fail("it closed the connection"));
    socket.on("data", (piece) => {
      received = Buffer.concat([received, piece]);
      if (received.length < 5) return;
      const length = received.readUInt32BE(0);
      if (length === 0 || length > MESSAGE_MAX) return fail("it answered with something else than the protocol");
      if (received.length < 4 + length) return;
      if (received[4] === expected) end(null, received.subarray(5, 4 + length));
      else fail("it refused the request");
    });
    socket.write(field(request));
  });
}

function field(bytes: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

function reader(bytes: Buffer) {
  let offset = 0;
  const count = () => {
    if (offset + 4 > bytes.length) throw failed("it answered with something else than the protocol");
    offset += 4;
    return bytes.readUInt32BE(offset - 4);
  };
  return {
    count,
    field(): Buffer {
      const length = count();
      if (offset + length > bytes.length) throw failed("it answered with something else than the protocol");
      offset += length;
      return bytes.subarray(offset - length, offset);
    },
  };
}

function failed(reason: string): CascadeError {
  return new CascadeError("SIGNER_FAILED", `the ssh-agent cannot sign: ${reason}`, {
    hint: "`ssh-add -l` shows the keys of the agent; add an Ed25519 key with `ssh-add`.",
  });
}
