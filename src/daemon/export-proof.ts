import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { parseBundle } from "../domain/bundle.ts";
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
 * Writes a proof with all that someone else needs to verify it: the proof file, the public key that it was signed with and the
 * trusted root. Resolves to their names. Throws `CANNOT_CREATE`.
 */
export function exportProof({ run, text, dataRoot, folder }: ProofToExport): readonly string[] {
  const { keys } = dataFolderAt(dataRoot);
  const { keyId } = parseBundle(text);
  const files: Record<string, string | undefined> = {
    [`${run}.sigstore.json`]: text,
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
