import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { parseBundle } from "../domain/bundle.ts";
import { readStatement } from "../domain/statement-check.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { trustedKey } from "../proofs/trusted-key.ts";
import { dataFolderAt } from "./data-folder.ts";
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
 * the public key that it was signed with and the trusted root. Resolves to their names. Throws `CANNOT_CREATE`.
 */
export function exportProof({ run, text, dataRoot, folder }: ProofToExport): readonly string[] {
  const { keys, proofs } = dataFolderAt(dataRoot);
  const { keyId, statement } = parseBundle(text);
  const admission = admissionOf(statement);
  const files: Record<string, string | undefined> = {
    [`${run}.sigstore.json`]: text,
    ...(admission === null ? {} : { [basename(admission)]: textOf(join(proofs, admission)) }),
    "proof.pub.pem": readPublicKeys(keys).find((pem) => trustedKey(pem).keyId === keyId),
    "trusted_root.json": readTrustedRoot(keys),
  };
  try {
    mkdirSync(folder, { recursive: true });
    return Object.entries(files).flatMap(([name, content]) => {
      if (content === undefined) return [];
      writeFileSync(join(folder, name), content);
      return [name];
    });
  } catch (error) {
    throw new CascadeError("CANNOT_CREATE", `cannot write into ${folder}: ${toCascadeError(error).message}`, {
      cause: error,
    });
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
