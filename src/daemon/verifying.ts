import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createArtifacts } from "../adapters/filesystem/artifacts.ts";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import { MANIFEST_FILE } from "../domain/manifest.ts";
import { evidenceIn } from "../proofs/evidence.ts";
import { trustedKey } from "../proofs/trusted-key.ts";
import { type Verification, verifyRun } from "../proofs/verify.ts";
import { CascadeError } from "../kernel/errors.ts";
import { dataFolderAt } from "./data-folder.ts";

export interface ProofToVerify {
  /** The text of a proof file. */
  bundle: string;
  /** The public key to trust, in PEM; null takes those of the data folder. */
  keyPem: string | null;
  /** The data folder of the run's daemon; null checks the file alone. */
  dataRoot: string | null;
}

/** Checks a proof offline, and against what the data folder still holds of its run. Throws `KEY_MISSING` without a key. */
export async function verifyProof({ bundle, keyPem, dataRoot }: ProofToVerify): Promise<Verification> {
  const data = dataRoot === null ? undefined : dataFolderAt(dataRoot);
  const pems = keyPem !== null ? [keyPem] : data ? readPublicKeys(data.keys) : [];
  if (pems.length === 0) throw new CascadeError("KEY_MISSING", "no public key is given, and no data folder holds one");
  const keys = pems.map(trustedKey);
  const alone = await verifyRun({ bundle, keys });
  const run = alone.statement?.predicate.runDetails.metadata.invocationId;
  if (!data || run === undefined || alone.keyId === null) return alone;
  const store = openStoreReadOnly(data.database);
  try {
    const evidence = evidenceIn(
      {
        store,
        artifacts: createArtifacts(data.artifacts),
        manifest: (digest) => readFile(join(data.store, digest, MANIFEST_FILE)).catch(() => undefined),
      },
      run,
    );
    return await verifyRun({ bundle, keys, evidence });
  } finally {
    await store.close();
  }
}
