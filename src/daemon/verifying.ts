import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { createArtifacts } from "../adapters/filesystem/artifacts.ts";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { openStoreReadOnly } from "../adapters/sqlite/store.ts";
import type { AnchorKind } from "../domain/anchor.ts";
import { parseBundle } from "../domain/bundle.ts";
import { MANIFEST_FILE } from "../domain/manifest.ts";
import type { JsonRpc } from "../proofs/anchors/json-rpc.ts";
import type { AnchorTrust } from "../proofs/anchors/receipt-check.ts";
import { checkRequirements } from "../proofs/anchors/requirements.ts";
import type { Finding } from "../proofs/finding.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import { type Evidence, evidenceIn } from "../proofs/evidence.ts";
import type { NoteKey } from "../proofs/tlog/note.ts";
import { type TrustedKey, trustedKey } from "../proofs/trusted-key.ts";
import { parseTrustedRoot } from "../proofs/trusted-root.ts";
import { type FolderVerification, verifyFolder } from "../proofs/verify-folder.ts";
import { verifyProof, withFindings } from "../proofs/verify.ts";
import type { Verification, VerificationResult } from "../proofs/verification.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { Store } from "../ports/store.ts";
import { type DataFolder, dataFolderAt } from "./data-folder.ts";
import { openProofFiles, proofFilesIn } from "./proof-reading.ts";
import { receiptsOfData, receiptsOfFolder } from "./kept-receipts.ts";
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
  /**
   * Checks a proof file's text offline, and against what the data folder still holds of its run; without a data folder, against
   * the statements that lie in the folder `beside` it.
   */
  verify(bundle: string, beside: string | null): Promise<Verification>;
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

  async function verify(bundle: string, beside: Evidence): Promise<Verification> {
    const verification = await verifyAlone(bundle, beside);
    if (!anchors) return verification;
    return withFindings(verification, await anchorFindings(bundle, verification, anchors));
  }

  async function anchorFindings(
    bundle: string,
    { result, statement }: Verification,
    choice: AnchorChoice,
  ): Promise<Finding[]> {
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
    const finishedOn = statement?.predicate.runDetails.metadata.finishedOn;
    const finishedAt = finishedOn === undefined ? null : Date.parse(finishedOn);
    return checkRequirements(entry, logs, { kinds, trusted, receiptsOver, chain, finishedAt });
  }

  async function verifyAlone(bundle: string, beside: Evidence): Promise<Verification> {
    const alone = await verifyProof({ bundle, keys, logs });
    const run = (alone.statement ?? alone.start)?.predicate.runDetails.metadata.invocationId;
    if (run === undefined || alone.keyId === null) return alone;
    const evidence = data && store ? evidenceOf(data, store, run) : beside;
    return verifyProof({ bundle, keys, logs, evidence });
  }

  return {
    verify: (bundle, beside) => verify(bundle, beside === null ? {} : evidenceBeside(beside)),
    verifyFolder: (folder, onFile) =>
      verifyFolder(counted(proofFilesIn(folder), onFile), (bundle) => verify(bundle, attestationsBeside(folder))),
    close: async () => store?.close(),
  };
}

function keysOf(keyPem: string | null, data: DataFolder | undefined): TrustedKey[] {
  const pems = keyPem !== null ? [keyPem] : data ? readPublicKeys(data.keys) : [];
  if (pems.length === 0) throw new CascadeError("KEY_MISSING", "no public key is given, and no data folder holds one");
  return pems.map(trustedKey);
}

function evidenceOf(data: DataFolder, store: Store, run: string): Evidence {
  const proofFiles = openProofFiles(data);
  return evidenceIn(
    {
      store,
      artifacts: createArtifacts(data.artifacts),
      manifest: (digest) => readFile(join(data.store, digest, MANIFEST_FILE)).catch(() => undefined),
      attestation: (digest) => readFile(join(data.proofs, attestationFileName(digest)), "utf8").catch(() => undefined),
      proofFile: (name) => proofFiles.read(name),
    },
    run,
  );
}

/** As `proof export` and `proofs/` lay them: in the folder itself or where they lie below `proofs/`. */
function evidenceBeside(folder: string): Evidence {
  return { ...attestationsBeside(folder), start: (file) => textBeside(folder, file) };
}

/** Without starts: of a whole folder they are held against the ends wherever they lie. */
function attestationsBeside(folder: string): Evidence {
  return { attestation: (digest) => textBeside(folder, attestationFileName(digest)) };
}

async function textBeside(folder: string, file: string): Promise<string | undefined> {
  const textOf = (path: string) => readFile(path, "utf8").catch(() => undefined);
  return (await textOf(join(folder, basename(file)))) ?? textOf(join(folder, file));
}

async function* counted<Item>(items: AsyncIterable<Item>, onItem: (count: number) => void): AsyncGenerator<Item> {
  let count = 0;
  for await (const item of items) {
    onItem(++count);
    yield item;
  }
}

export async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
