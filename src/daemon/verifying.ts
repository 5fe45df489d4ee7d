import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { createArtifacts } from "../adapters/filesystem/artifacts.ts";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import type { AnchorKind } from "../domain/anchor.ts";
import { parseBundle } from "../domain/bundle.ts";
import { MANIFEST_FILE } from "../domain/manifest.ts";
import type { JsonRpc } from "../proofs/anchors/json-rpc.ts";
import type { AnchorTrust } from "../proofs/anchors/receipt-check.ts";
import { checkRequirements } from "../proofs/anchors/requirements.ts";
import { evidenceIn } from "../proofs/evidence.ts";
import type { Finding } from "../proofs/finding.ts";
import type { NoteKey } from "../proofs/tlog/note.ts";
import { type TrustedKey, trustedKey } from "../proofs/trusted-key.ts";
import { parseTrustedRoot } from "../proofs/trusted-root.ts";
import { type FolderVerification, verifyFolder } from "../proofs/verify-folder.ts";
import { type Verification, type VerificationResult, verifyProof, withFindings } from "../proofs/verify.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Store } from "../ports/store.ts";
import { type DataFolder, dataFolderAt } from "./data-folder.ts";
import { RECEIPTS_FOLDER, receiptsOfData, receiptsOfFolder } from "./kept-receipts.ts";
import { readTrustedRoot } from "./trusted-root-file.ts";

export type { FolderVerification, Verification, VerificationResult };

export interface TrustChoice {
  /** The public key to trust, in PEM; null takes those of the data folder. */
  keyPem: string | null;
  /** The text of the `trusted_root.json` whose logs to trust; null takes that of the data folder. */
  trustedRoot: string | null;
  /** The data folder of the run's daemon; null checks files alone. */
  dataRoot: string | null;
  /** The anchors that a proof has to have; null asks for none. */
  anchors: AnchorChoice | null;
}

export interface AnchorChoice {
  kinds: readonly AnchorKind[];
  trusted: readonly AnchorTrust[];
  /** A folder as `proof export` makes it; null takes what the data folder keeps. */
  receipts: string | null;
  /** A node of a chain to ask; null asks none. */
  rpc: JsonRpc | null;
}

export interface Verifier {
  /** Checks a proof file's text offline, and against what the data folder still holds of its run. */
  verify(bundle: string): Promise<Verification>;
  /** Checks every `.sigstore.json` below a folder, and holds them against each other. */
  verifyFolder(folder: string, onFile: (count: number) => void): Promise<FolderVerification>;
  close(): Promise<void>;
}

/** Throws `KEY_MISSING` without a key to trust. Without a trusted root no result is better than incomplete. */
export function openVerifier({ keyPem, trustedRoot, dataRoot, anchors }: TrustChoice): Verifier {
  const data = dataRoot === null ? undefined : dataFolderAt(dataRoot);
  const keys = keysOf(keyPem, data);
  const rootText = trustedRoot ?? (data && readTrustedRoot(data.keys));
  const logs: NoteKey[] = rootText === undefined ? [] : parseTrustedRoot(rootText);
  const store = data && openStoreReadOnly(data.database);

  async function verify(bundle: string): Promise<Verification> {
    const verification = await verifyAlone(bundle);
    if (!anchors) return verification;
    return withFindings(verification, await anchorFindings(bundle, verification, anchors));
  }

  async function anchorFindings(bundle: string, { result }: Verification, choice: AnchorChoice): Promise<Finding[]> {
    const entry = result === "refused" ? null : parseBundle(bundle).entry;
    if (!entry) {
      const message =
        result === "refused" ? "it was not looked at: the proof is refused" : "the proof is not logged yet";
      return choice.kinds.map((check) => ({ check, status: "unknown", message }));
    }
    const { receipts, rpc, kinds, trusted } = choice;
    const receiptsOver = async () => {
      if (receipts !== null) return receiptsOfFolder(entry, receipts);
      return data && store ? receiptsOfData(entry, data, store) : [];
    };
    const chain = { rpc, signal: new AbortController().signal };
    return checkRequirements(entry, logs, { kinds, trusted, receiptsOver, chain });
  }

  async function verifyAlone(bundle: string): Promise<Verification> {
    const alone = await verifyProof({ bundle, keys, logs });
    const run = alone.statement?.predicate.runDetails.metadata.invocationId;
    if (!data || !store || run === undefined || alone.keyId === null) return alone;
    return verifyProof({ bundle, keys, logs, evidence: evidenceOf(data, store, run) });
  }

  return {
    verify,
    verifyFolder: (folder, onFile) => verifyFolder(proofFilesIn(folder, onFile), verify),
    close: async () => store?.close(),
  };
}

function keysOf(keyPem: string | null, data: DataFolder | undefined): TrustedKey[] {
  const pems = keyPem !== null ? [keyPem] : data ? readPublicKeys(data.keys) : [];
  if (pems.length === 0) throw new CascadeError("KEY_MISSING", "no public key is given, and no data folder holds one");
  return pems.map(trustedKey);
}

function evidenceOf(data: DataFolder, store: Store, run: string) {
  return evidenceIn(
    {
      store,
      artifacts: createArtifacts(data.artifacts),
      manifest: (digest) => readFile(join(data.store, digest, MANIFEST_FILE)).catch(() => undefined),
    },
    run,
  );
}

const PROOF_ENDING = ".sigstore.json";

/** The proof files below a folder, in the order of their names; a name is relative to the folder. */
async function* proofFilesIn(folder: string, onFile: (count: number) => void) {
  let count = 0;
  async function* below(path: string): AsyncGenerator<{ name: string; text: string }> {
    const entries = await readdir(path, { withFileTypes: true });
    entries.sort((one, other) => (one.name < other.name ? -1 : 1));
    for (const entry of entries) {
      const inner = join(path, entry.name);
      // Receipts of Rekor end as proofs do.
      if (entry.isDirectory() && entry.name !== RECEIPTS_FOLDER) yield* below(inner);
      if (!entry.isFile() || !entry.name.endsWith(PROOF_ENDING)) continue;
      onFile(++count);
      yield { name: relative(folder, inner), text: await readFile(inner, "utf8") };
    }
  }
  yield* below(folder);
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
