import { readFile } from "node:fs/promises";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../adapters/filesystem/tlog-files.ts";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import type { RunId } from "../domain/run.ts";
import type { Tlog } from "../domain/tlog.ts";
import { CascadeError, systemErrorCode } from "../kernel/errors.ts";
import { type FsckFinding, fsckLog } from "../proofs/tlog/fsck.ts";
import type { Checkpoint } from "../proofs/tlog/checkpoint.ts";
import { createLeafMaker } from "../proofs/tlog/leaf-maker.ts";
import { consistencyPath, inclusionPath, rootOf, verifyConsistency } from "../proofs/tlog/merkle.ts";
import { type NoteKey, parseVkey } from "../proofs/tlog/note.ts";
import { readSignedCheckpoint } from "../proofs/tlog/signed-checkpoint.ts";
import { tileNodes } from "../proofs/tlog/tiles.ts";
import { formatTlogProof } from "../proofs/tlog/tlog-proof.ts";
import { dataFolderAt } from "./data-folder.ts";
import { openProofFiles } from "./proof-reading.ts";

export type { FsckFinding };

export interface ConsistencyProof {
  origin: string;
  from: number;
  to: number;
  /** Roots and path in base64. */
  fromRoot: string;
  toRoot: string;
  path: readonly string[];
}

/** Questions to the transparency log of a data folder, answered from its files, whether or not a daemon works on them. */
export interface TlogReader {
  /** The published checkpoint: a signed note. */
  head(): Promise<string>;
  /** The inclusion of a run's proof in the published head, in the form of https://c2sp.org/tlog-proof. */
  prove(run: RunId): Promise<string>;
  /**
   * That one head continues another. Each is a size, or the text of a signed checkpoint, whose root is then held against the log.
   * Rejects with `TLOG_FORKED` when a head that the log has signed is of another root, with `USAGE` for what it has not signed.
   */
  consistency(from: string, to: string): Promise<ConsistencyProof>;
  fsck(onProgress: (leaves: number) => void): Promise<readonly FsckFinding[]>;
  close(): Promise<void>;
}

export async function openTlogReader(root: string): Promise<TlogReader> {
  const data = dataFolderAt(root);
  const store = openStoreReadOnly(data.database);
  const writer = createSyncedWriter();
  const files = createTlogFiles({ folder: data.tlog, formerFolder: data.formerTlogs, writer });
  const tlog = await store.tlog();
  if (!tlog) {
    await store.close();
    throw new CascadeError("TLOG_EMPTY", `no transparency log was opened in ${root} yet`);
  }
  const key = parseVkey(tlog.vkey);

  async function published(): Promise<{ text: string; head: Checkpoint }> {
    const text = (await files.read("checkpoint"))?.toString("utf8");
    if (text === undefined) throw new CascadeError("TLOG_EMPTY", "the transparency log has no signed head yet");
    const head = readSignedCheckpoint(text, key);
    if (head) return { text, head };
    throw new CascadeError("TLOG_DAMAGED", "tlog/checkpoint is not signed by the log");
  }
  const nodesOf = (size: number) => tileNodes(size, (path) => files.read(path));

  return {
    head: async () => (await published()).text,
    async prove(run) {
      const { text, head } = await published();
      const proof = await store.proof(run);
      if (!proof) {
        const isPruned = await store.isPruned(run);
        throw new CascadeError(isPruned ? "PROOF_PRUNED" : "PROOF_UNKNOWN", `run ${run} has no proof here`);
      }
      const index = indexIn(tlog, proof.statementId);
      if (index >= head.size)
        throw new CascadeError("PROOF_NOT_LOGGED", `leaf ${index} is not in the published head yet`);
      return formatTlogProof({
        index,
        path: await inclusionPath(index, head.size, nodesOf(head.size)),
        checkpoint: text,
      });
    },
    async consistency(from, to) {
      const { head } = await published();
      const [one, other] = [headOf(from, key), headOf(to, key)];
      const [smaller, larger] = one.size <= other.size ? [one, other] : [other, one];
      if (larger.size > head.size || smaller.size < 1) {
        throw new CascadeError("USAGE", `sizes go from 1 to ${head.size}, that of the published head`);
      }
      if (smaller.size < tlog.minimumIndex) {
        throw new CascadeError(
          "TLOG_PRUNED",
          `leaves below ${tlog.minimumIndex} are pruned, and with them the head of ${smaller.size}`,
        );
      }
      const nodes = nodesOf(head.size);
      const fromRoot = await rootOf(smaller.size, nodes);
      const toRoot = await rootOf(larger.size, nodes);
      for (const [given, found] of [
        [smaller, fromRoot],
        [larger, toRoot],
      ] as const) {
        if (!given.root || given.root.equals(found)) continue;
        throw new CascadeError(
          "TLOG_FORKED",
          `the log has another root of ${given.size} leaves than the given checkpoint`,
        );
      }
      const path = await consistencyPath(smaller.size, larger.size, nodes);
      const problem = verifyConsistency({ from: smaller.size, to: larger.size, path, fromRoot, toRoot });
      if (problem !== undefined) throw new CascadeError("TLOG_DAMAGED", problem);
      const base64 = (hash: Buffer) => hash.toString("base64");
      return {
        origin: tlog.origin,
        from: smaller.size,
        to: larger.size,
        fromRoot: base64(fromRoot),
        toRoot: base64(toRoot),
        path: path.map(base64),
      };
    },
    fsck: (onProgress) =>
      fsckLog(tlog, {
        store,
        files,
        sink: openProofFiles(data),
        leafOf: createLeafMaker(readPublicKeys(data.keys)),
        onProgress,
      }),
    close: () => store.close(),
  };
}

function indexIn({ firstStatement, origin }: Tlog, statementId: number): number {
  if (statementId >= firstStatement) return statementId - firstStatement;
  throw new CascadeError("PROOF_NOT_LOGGED", `it is a leaf of a log before ${origin}: its file holds its place there`);
}

/** A head that someone names by its size or shows as a signed checkpoint. */
function headOf(text: string, key: NoteKey): { size: number; root?: Buffer } {
  if (/^\d+$/.test(text.trim())) return { size: Number(text) };
  const head = readSignedCheckpoint(text, key);
  if (head) return head;
  throw new CascadeError("USAGE", `what was given is no checkpoint that the log ${key.name} has signed`, {
    hint: "Give a size, or the file of a checkpoint of this log, as `cascade tlog head` prints it.",
  });
}

/** The text of a file; a size is taken as it is. Rejects with `IO_FAILED`. */
export async function headText(path: string, name: string): Promise<string> {
  if (/^\d+$/.test(name)) return name;
  try {
    return await readFile(path, "utf8");
  } catch (cause) {
    throw new CascadeError("IO_FAILED", `cannot read ${path} (${systemErrorCode(cause) ?? String(cause)})`, {
      cause,
      hint: "Give a size, or the file of a signed checkpoint, as `cascade tlog head` prints it.",
    });
  }
}
