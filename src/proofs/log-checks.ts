import type { LogEntry, ProofBundle } from "../domain/bundle.ts";
import { failed, type Finding, passed, unknown } from "./finding.ts";
import { parseCheckpoint } from "./tlog/checkpoint.ts";
import { leafProblem } from "./tlog/leaf.ts";
import { hashLeaf, verifyInclusion } from "./tlog/merkle.ts";
import { formatNote, isSignedBy, noteKeyId, type NoteKey, parseNote } from "./tlog/note.ts";
import type { TrustedKey } from "./trusted-key.ts";

/** Holds the entry of the transparency log against the statement, and its head against the logs that are trusted. */
export function checkLogEntry(bundle: ProofBundle, key: TrustedKey | undefined, logs: readonly NoteKey[]): Finding[] {
  const { entry } = bundle;
  if (!entry) return [unknown("leaf", "its place in the transparency log was not signed when this was written")];
  return [...checkLeaf(bundle, entry, key), checkPath(entry), checkCheckpoint(entry, logs)];
}

function checkLeaf(bundle: ProofBundle, { body, index }: LogEntry, key: TrustedKey | undefined): Finding[] {
  if (!key) return [];
  const publicKey = key.publicKey.export({ type: "spki", format: "der" });
  const problem = leafProblem(Buffer.from(body, "base64"), { ...bundle, publicKey });
  return [
    problem === undefined
      ? passed("leaf", `leaf ${index} is of this statement, signature and key`)
      : failed("leaf", problem),
  ];
}

function checkPath({ body, index, size, path, root }: LogEntry): Finding {
  const problem = verifyInclusion({
    leafHash: hashLeaf(Buffer.from(body, "base64")),
    index,
    size,
    path: path.map((hash) => Buffer.from(hash, "base64")),
    root: Buffer.from(root, "base64"),
  });
  return problem === undefined
    ? passed("path", `${path.length} hashes lead from it to the root of ${size} leaves`)
    : failed("path", problem);
}

function checkCheckpoint(entry: LogEntry, logs: readonly NoteKey[]): Finding {
  let note, head;
  try {
    note = parseNote(entry.checkpoint);
    head = parseCheckpoint(note.body);
  } catch (error) {
    return failed("checkpoint", error instanceof Error ? error.message : String(error));
  }
  // Another spelling, or a line that nobody signed, would be bytes that no check has looked at.
  if (note.signatures.length !== 1 || formatNote(note) !== entry.checkpoint) {
    return failed("checkpoint", "it does not have exactly one signature, in the one spelling of it");
  }
  if (head.size !== entry.size || head.root.toString("base64") !== entry.root) {
    return failed("checkpoint", "its size or root is not the one of the path");
  }
  if (logs.length === 0) return unknown("checkpoint", `no log to trust was given; the file names ${head.origin}`);
  const log = logs.find((key) => key.name === head.origin && isSignedBy(note, key));
  if (!log) {
    const names = logs.map(({ name }) => name).join(", ");
    return failed("checkpoint", `it is not signed by a trusted log; it names ${head.origin}, trusted: ${names}`);
  }
  if (noteKeyId(log).toString("base64") !== entry.logId) return failed("checkpoint", "the log id is of another log");
  return passed("checkpoint", `the head of ${head.size} leaves is signed by the trusted log ${log.name}`);
}
