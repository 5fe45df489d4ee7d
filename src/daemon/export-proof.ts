import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import { type LogEntry, parseBundle } from "../domain/bundle.ts";
import { readStatement } from "../domain/statement-check.ts";
import { startFileIn } from "../domain/start-statement.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { trustedKey } from "../proofs/trusted-key.ts";
import { type DataFolder, dataFolderAt } from "./data-folder.ts";
import { filesOfReceipts, RECEIPTS_FOLDER } from "./kept-receipts.ts";
import { openProofFiles } from "./proof-reading.ts";
import { readTrustedRoot } from "./trusted-root-file.ts";

export interface ProofToExport {
  run: string;
  /** The text of its proof file. */
  text: string;
  dataRoot: string;
  /** An absolute path; the folder is made. */
  folder: string;
}

/**
 * Writes a proof with all that someone else needs to verify it: the proof file, those of the statements that the run was started
 * and that its package was admitted, the public key that it was signed with, the trusted root, and what anchors gave of the heads
 * that cover it. Resolves to their names. Rejects with `CANNOT_CREATE`.
 */
export async function exportProof({ run, text, dataRoot, folder }: ProofToExport): Promise<readonly string[]> {
  const data = dataFolderAt(dataRoot);
  const { keys, proofs } = data;
  const { keyId, entry, statement } = parseBundle(text);
  const receipts = entry ? await receiptsIn(entry, data) : new Map<string, Buffer>();
  const { admission, start } = filesNamedBy(statement);
  const files: Record<string, string | Buffer | undefined> = {
    [`${run}.sigstore.json`]: text,
    ...(start === null ? {} : { [basename(start)]: await openProofFiles(data).read(start) }),
    ...(admission === null ? {} : { [basename(admission)]: textOf(join(proofs, admission)) }),
    "proof.pub.pem": readPublicKeys(keys).find((pem) => trustedKey(pem).keyId === keyId),
    "trusted_root.json": readTrustedRoot(keys),
    ...Object.fromEntries([...receipts].map(([name, bytes]) => [`${RECEIPTS_FOLDER}/${name}`, bytes])),
  };
  try {
    mkdirSync(folder, { recursive: true });
    return Object.entries(files).flatMap(([name, content]) => {
      if (content === undefined) return [];
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), content);
      return [name];
    });
  } catch (error) {
    throw new CascadeError("CANNOT_CREATE", `cannot write into ${folder}: ${toCascadeError(error).message}`, {
      cause: error,
    });
  }
}

async function receiptsIn(entry: LogEntry, data: DataFolder): Promise<Map<string, Buffer>> {
  const store = openStoreReadOnly(data.database);
  try {
    return await filesOfReceipts(entry, data, store);
  } finally {
    await store.close();
  }
}

/** The files, below `proofs/`, of the statements that admitted the run's package and that the run was started. */
function filesNamedBy(text: string): { admission: string | null; start: string | null } {
  const reading = readStatement(JSON.parse(text));
  if ("problems" in reading) return { admission: null, start: null };
  const { statement } = reading;
  const digest = statement.predicate.admission?.digest ?? null;
  return { admission: digest === null ? null : attestationFileName(digest), start: startFileIn(statement) };
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
