import { sign } from "node:crypto";
import { parseCheckpoint } from "../../src/proofs/tlog/checkpoint.ts";
import { cosignedMessage } from "../../src/proofs/tlog/cosignature.ts";
import { type Hash, verifyConsistency } from "../../src/proofs/tlog/merkle.ts";
import {
  formatNote,
  formatVkey,
  isSignedBy,
  type NoteKey,
  noteKeyTypes,
  parseNote,
} from "../../src/proofs/tlog/note.ts";
import { type DoubleAnswer, type DoubleRequest, httpDouble } from "./http-double.ts";
import { testNoteKey } from "./note-keys.ts";

export interface WitnessDouble {
  url: string;
  vkey: string;
  key: NoteKey;
  requests: DoubleRequest[];
  /** The log's size and root that it has cosigned last. */
  seen: { size: number; root: Hash } | undefined;
  /** Its clock, in Unix seconds. */
  now: () => number;
  /** Changes an answer, or keeps it back. */
  spoil: (answer: DoubleAnswer) => DoubleAnswer | "never";
}

/** A witness of one log, as https://c2sp.org/tlog-witness tells: it cosigns only what continues what it has seen. */
export async function witnessDouble(log: NoteKey, name = "witness.test", seed = 7): Promise<WitnessDouble> {
  const { key, privateKey } = testNoteKey(name, noteKeyTypes.cosignature, seed);

  function addCheckpoint(text: string): DoubleAnswer {
    const split = text.indexOf("\n\n");
    const [first = "", ...path] = text.slice(0, split).split("\n");
    const note = parseNote(text.slice(split + 2));
    const head = parseCheckpoint(note.body);
    if (head.origin !== log.name) return { status: 404 };
    if (!isSignedBy(note, log)) return { status: 403 };
    const old = Number(/^old (\d+)$/.exec(first)![1]);
    if (old > head.size) return { status: 400 };
    const known = double.seen;
    if (old !== (known?.size ?? 0)) {
      return { status: 409, headers: { "content-type": "text/x.tlog.size" }, body: `${known?.size ?? 0}\n` };
    }
    if (known) {
      const hashes = path.map((line) => Buffer.from(line, "base64"));
      const proof = { from: known.size, to: head.size, path: hashes, fromRoot: known.root, toRoot: head.root };
      if (verifyConsistency(proof) !== undefined) return { status: 422, body: "not consistent" };
    }
    double.seen = head;
    return { body: cosignature(note.body) };
  }

  function cosignature(body: string): string {
    const time = double.now();
    const timed = Buffer.alloc(8);
    timed.writeBigUInt64BE(BigInt(time));
    const signature = Buffer.concat([timed, sign(null, cosignedMessage(time, body), privateKey)]);
    return formatNote({ body, signatures: [{ name: key.name, hash: key.hash, signature }] }).split("\n\n")[1]!;
  }

  const { url, requests } = await httpDouble(({ method, path, body }) =>
    method === "POST" && path === "/add-checkpoint"
      ? double.spoil(addCheckpoint(body.toString("utf8")))
      : { status: 405 },
  );
  const double: WitnessDouble = {
    url,
    requests,
    vkey: formatVkey(key),
    key,
    seen: undefined,
    now: () => Math.floor(Date.now() / 1_000),
    spoil: (answer) => answer,
  };
  return double;
}
