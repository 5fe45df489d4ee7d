import { bundleText } from "../../domain/bundle.ts";
import { isSigned, type SignedStatement } from "../../domain/sealed-statement.ts";
import type { StoredStatement, Tlog } from "../../domain/tlog.ts";
import { toCascadeError } from "../../kernel/errors.ts";
import type { ProofSink } from "../../ports/proof-sink.ts";
import type { ProofStore, TlogStore } from "../../ports/store.ts";
import type { TlogFiles } from "../../ports/tlog-files.ts";
import { type LogEnd, nextEnd } from "./appender.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { foldPeaks, grow } from "./growth.ts";
import { headsBetween } from "./known-heads.ts";
import { logEndAtTile } from "./log-end.ts";
import { hiddenRuns } from "./hidden-runs.ts";
import type { LeafMaker } from "./leaf-maker.ts";
import { type LeafSpan, leafSpans, strayLeaves } from "./leaf-spans.ts";
import { hashLeaf } from "./merkle.ts";
import { type NoteKey, parseVkey } from "./note.ts";
import { readSignedCheckpoint } from "./signed-checkpoint.ts";
import { signedEntries } from "./signed-entries.ts";
import { tileNodes } from "./tiles.ts";

export interface FsckPorts {
  store: Pick<TlogStore, "statementsAfter" | "headOver" | "lastHead" | "writtenFiles"> &
    Pick<ProofStore, "unknownRuns">;
  files: Pick<TlogFiles, "read" | "readLastSigned">;
  sink: Pick<ProofSink, "read">;
  leafOf: LeafMaker;
  /** Called with the number of leaves that were looked at. */
  onProgress(leaves: number): void;
}

/** One line of what was looked at. `unknown`: it could not be looked at, for one that is not there. */
export interface FsckFinding {
  check: "checkpoint" | "entries" | "tiles" | "statements" | "heads" | "root" | "files" | "starts";
  status: "passed" | "failed" | "unknown";
  message: string;
}

/** A damaged log may have a million wrong leaves; the first ones of each kind tell as much. */
const MOST_FAILURES = 20;

/**
 * Makes the whole log again out of its entries and holds everything against it: the tiles of every level, the root that is
 * published, every head that was ever signed, the statements in the database and their proof files; and the database against the
 * runs that were started. Reads only, and may be done while the log grows: it looks at the leaves of the checkpoint that it began
 * with.
 */
export async function fsckLog(tlog: Tlog, ports: FsckPorts): Promise<FsckFinding[]> {
  const failures: FsckFinding[] = [];
  const fail = (check: FsckFinding["check"], message: string) => {
    if (failures.filter((each) => each.check === check).length < MOST_FAILURES)
      failures.push({ check, status: "failed", message });
  };
  const key = parseVkey(tlog.vkey);
  const head = await publishedHead(key, ports, fail);
  if (!head) return failures;
  const walk = await walkLeaves(tlog, head, ports, fail);
  if (!walk.root?.equals(head.root)) {
    fail("root", `the entries have another root than the checkpoint of ${head.size} leaves`);
  }
  const failed = new Set(failures.map(({ check }) => check));
  const passed = (check: FsckFinding["check"], message: string): FsckFinding[] =>
    failed.has(check) ? [] : [{ check, status: "passed", message }];
  return [
    ...passed("checkpoint", `the head of ${head.size} leaves is signed by ${tlog.origin} and is the last one signed`),
    ...passed("entries", `${head.size - tlog.minimumIndex} entries can be read, ${tlog.minimumIndex} are pruned`),
    ...passed("tiles", `${walk.tiles} tiles are what the entries make them`),
    ...passed("root", "the entries have the root of the checkpoint"),
    ...passed("heads", `${walk.heads} signed heads are heads of these entries`),
    ...passed("statements", `${walk.statements} statements in the database are the leaves`),
    ...passed("files", `${walk.files} proof files are what statements and leaves make them`),
    ...(walk.starts === 0 ? [] : passed("starts", `${walk.starts} starts are of runs that the database knows`)),
    ...failures,
  ];
}

type Fail = (check: FsckFinding["check"], message: string) => void;

async function publishedHead(key: NoteKey, { files, store }: FsckPorts, fail: Fail): Promise<Checkpoint | undefined> {
  const text = (await files.read("checkpoint"))?.toString("utf8");
  const head = text === undefined ? undefined : readSignedCheckpoint(text, key);
  if (!head) {
    fail("checkpoint", text === undefined ? "tlog/checkpoint is missing" : "tlog/checkpoint is not signed by the log");
    return undefined;
  }
  const last = await files.readLastSigned();
  const lastHead = last === undefined ? undefined : readSignedCheckpoint(last, key);
  if (!lastHead || lastHead.size < head.size) fail("checkpoint", "tlog/.state/last-signed is behind the checkpoint");
  const stored = await store.lastHead(key.name);
  if (stored && stored.size > (lastHead?.size ?? 0)) fail("checkpoint", "the database knows of a later signed head");
  return head;
}

async function walkLeaves(tlog: Tlog, head: Checkpoint, ports: FsckPorts, fail: Fail) {
  const { files, store } = ports;
  const nodes = tileNodes(head.size, (path) => files.read(path));
  // What is pruned below is held in its place by the hashes above it.
  let end: LogEnd = await logEndAtTile(tlog.minimumIndex, nodes);
  const seen = { tiles: 0, heads: 0, statements: 0, files: 0, starts: 0 };
  const { through, except } = await store.writtenFiles();
  const unwritten = new Set(except);
  for await (const span of leafSpans(tlog, head.size, ports)) {
    const { entries, statements } = span;
    if (entries.length < span.width) {
      fail("entries", `${span.path} is missing or not whole`);
      return { ...seen, root: undefined };
    }
    const step = nextEnd(end, entries);
    for (const { path, bytes } of step.files) {
      seen.tiles++;
      if (!(await fileHas(path, bytes, files))) fail("tiles", `tlog/${path} is not what the entries make it`);
    }
    compareStatements(span, tlog, fail);
    seen.statements += statements.length;
    seen.starts += await compareStarts(statements, store, fail);
    seen.heads += await compareHeads(tlog, end, entries, store, fail);
    const written = statements.filter(isSigned).filter(({ id }) => id <= through && !unwritten.has(id));
    seen.files += await compareFiles(written, tlog, ports, fail);
    end = step.next;
    ports.onProgress(end.edge.size);
    if (end.edge.size === head.size) return { ...seen, root: step.growth.root };
  }
  return { ...seen, root: undefined };
}

/** A partial tile may have gone since the full one is there. */
async function fileHas(path: string, bytes: Buffer, files: FsckPorts["files"]): Promise<boolean> {
  const found = (await files.read(path)) ?? (await files.read(path.replace(/\.p\/\d+$/, "")));
  return found?.subarray(0, bytes.length).equals(bytes) ?? false;
}

function compareStatements(span: LeafSpan, tlog: Tlog, fail: Fail): void {
  const without: number[] = [];
  for (const { index, statement } of strayLeaves(span, tlog)) {
    if (statement) fail("statements", `statement ${statement.id} is not leaf ${index}`);
    else without.push(index);
  }
  if (without.length > 0) {
    fail(
      "statements",
      `the database holds no statements for the leaves from ${without[0]} on: ${without.length} are missing`,
    );
  }
}

async function compareStarts(statements: readonly StoredStatement[], store: FsckPorts["store"], fail: Fail) {
  const { starts, hidden } = await hiddenRuns(statements, store);
  for (const { predicate } of hidden) {
    const { externalParameters, internalParameters } = predicate.buildDefinition;
    const run = `run ${predicate.runDetails.metadata.invocationId} of ${externalParameters.workflow}`;
    fail("starts", `${run} was started ${internalParameters.createdAt}, and the database has neither it nor its proof`);
  }
  return starts;
}

async function compareHeads(
  tlog: Tlog,
  { edge: start }: LogEnd,
  entries: readonly Buffer[],
  store: FsckPorts["store"],
  fail: Fail,
) {
  const from = start.size;
  const key = parseVkey(tlog.vkey);
  let [edge, count] = [start, 0];
  for await (const { size, checkpoint } of headsBetween(tlog.origin, from + 1, from + entries.length, store)) {
    ({ edge } = grow(edge, entries.slice(edge.size - from, size - from).map(hashLeaf)));
    const head = readSignedCheckpoint(checkpoint, key);
    if (!head?.root.equals(foldPeaks(edge.peaks)))
      fail("heads", `the signed head of ${size} leaves is not one of these entries`);
    count++;
  }
  return count;
}

async function compareFiles(
  statements: readonly SignedStatement<StoredStatement>[],
  tlog: Tlog,
  ports: FsckPorts,
  fail: Fail,
) {
  let entries;
  try {
    entries = await signedEntries(statements, tlog, ports);
  } catch (error) {
    fail("tiles", toCascadeError(error).message);
    return 0;
  }
  for (const [at, statement] of statements.entries()) {
    const text = await ports.sink.read(statement.file);
    if (text === undefined) fail("files", `proofs/${statement.file} is missing`);
    else if (text !== bundleText({ ...statement, entry: entries[at] ?? null })) {
      fail("files", `proofs/${statement.file} is not what its statement and its leaf make it`);
    }
  }
  return statements.length;
}
