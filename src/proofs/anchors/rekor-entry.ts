import { hash } from "node:crypto";
import { isJsonObject } from "../../kernel/json.ts";
import { parseBase64, parseHash } from "../tlog/fields.ts";
import { hashedRekordBody, type HashedRekord } from "../tlog/leaf.ts";
import { hashLeaf, verifyInclusion } from "../tlog/merkle.ts";
import { noteKeyId, type NoteKey } from "../tlog/note.ts";
import { readSignedCheckpoint } from "../tlog/signed-checkpoint.ts";

/** That an entry is in a Rekor v2 log, and in which head of it. */
export interface RekorInclusion {
  index: number;
  size: number;
}

/**
 * Checks a `TransparencyLogEntry` of Rekor v2 (protobuf-specs, sigstore_rekor.proto) in its JSON form: its body is the given one,
 * its path leads to a root that the trusted log has signed. Returns in words what is wrong.
 */
export function checkRekorEntry(entry: unknown, record: HashedRekord, log: NoteKey): RekorInclusion | string {
  const proof = member(entry, "inclusionProof");
  const [index, proofIndex] = [numberIn(entry, "logIndex"), numberIn(proof, "logIndex")];
  const checkpoint = textIn(member(proof, "checkpoint"), "envelope");
  const path = listIn(proof, "hashes")?.map((each) => (typeof each === "string" ? parseHash(each) : undefined));
  if (
    index === undefined ||
    proofIndex !== index ||
    checkpoint === undefined ||
    !path?.every((each) => each !== undefined)
  ) {
    return "it is not an entry with its proof of inclusion";
  }
  const body = parseBase64(textIn(entry, "canonicalizedBody") ?? "");
  const kind = member(entry, "kindVersion");
  if (textIn(kind, "kind") !== "hashedrekord" || textIn(kind, "version") !== "0.0.2")
    return "it is not a hashedrekord 0.0.2";
  if (!body?.equals(hashedRekordBody(record))) return "its body is of something else";
  const logId = textIn(member(entry, "logId"), "keyId");
  if (logId !== noteKeyId(log).toString("base64")) return "its log id is of another log";
  const head = readSignedCheckpoint(checkpoint, log);
  if (!head) return `its checkpoint is not signed by the trusted log ${log.name}`;
  const problem = verifyInclusion({ leafHash: hashLeaf(body), index, size: head.size, path, root: head.root });
  return problem ?? { index, size: head.size };
}

/** A digest that was signed: SHA-256 of the data. */
export function recordOf(data: string, signature: string, publicKey: Uint8Array): HashedRekord {
  return { digest: hash("sha256", data, "base64"), signature, publicKey };
}

/** Protobuf's JSON leaves out what is zero, and writes 64-bit numbers as text. */
function numberIn(value: unknown, name: string): number | undefined {
  const found = isJsonObject(value) ? (value[name] ?? "0") : undefined;
  const number = Number(found);
  const isWhole = Number.isSafeInteger(number) && number >= 0;
  return (typeof found === "string" || typeof found === "number") && isWhole ? number : undefined;
}

function textIn(value: unknown, name: string): string | undefined {
  const found = member(value, name);
  return typeof found === "string" ? found : undefined;
}

function listIn(value: unknown, name: string): readonly unknown[] | undefined {
  const found = member(value, name) ?? [];
  return Array.isArray(found) ? found : undefined;
}

function member(value: unknown, name: string): unknown {
  return isJsonObject(value) ? value[name] : undefined;
}
