import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import { type LogEntry, parseBundle } from "../domain/bundle.ts";
import { readStatement } from "../domain/statement-check.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { trustedKey } from "../proofs/trusted-key.ts";
import { type DataFolder, dataFolderAt } from "./data-folder.ts";
import { filesOfReceipts, RECEIPTS_FOLDER } from "./kept-receipts.ts";
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
 * Writes a proof with all that someone else needs to verify it: the proof file, that of the statement that admitted its package,
 * the public key that it was signed with, the trusted root, and what anchors gave of the heads that cover it. Resolves to their
 * names. Rejects with `CANNOT_CREATE`.
 */
export async function exportProof({ run, text, dataRoot, folder }: ProofToExport): Promise<readonly string[]> {
  const data = dataFolderAt(dataRoot);
  const { keys, proofs } = data;
  const { keyId, entry, statement } = parseBundle(text);
  const receipts = entry ? await receiptsIn(entry, data) : new Map<string, Buffer>();
  const admission = admissionOf(statement);
  const files: Record<string, string | Buffer | undefined> = {
    [`${run}.sigstore.json`]: text,
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

/** The file, below `proofs/`, of the statement that admitted the run's package. */
function admissionOf(statement: string): string | null {
  const reading = readStatement(JSON.parse(statement));
  const digest = "statement" in reading ? (reading.statement.predicate.admission?.digest ?? null) : null;
  return digest === null ? null : attestationFileName(digest);
}

function textOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
