import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { createArtifacts } from "../adapters/filesystem/artifacts.ts";
import { createStoredCode } from "../adapters/filesystem/stored-code.ts";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../adapters/filesystem/tlog-files.ts";
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
import { type DataFolder as KeptData, type Evidence, evidenceIn } from "../proofs/evidence.ts";
import type { NoteKey } from "../proofs/tlog/note.ts";
import { tileNodes } from "../proofs/tlog/tiles.ts";
import { type TrustedKey, trustedKey } from "../proofs/trusted-key.ts";
import { parseTrustedRoot } from "../proofs/trusted-root.ts";
import { type FolderVerification, verifyFolder } from "../proofs/verify-folder.ts";
import { verifyProof, withFindings } from "../proofs/verify.ts";
import type { Verification, VerificationResult } from "../proofs/verification.ts";
import type { Digest } from "../kernel/digest.ts";
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
   * the statements that lie in the folder `beside` it. `name` is its path, or that of the file which Cascade keeps it in.
   */
  verify(bundle: string, beside: string | null, name: string): Promise<Verification>;
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

  const kept = data && store ? keptIn(data, store) : undefined;

  async function verify(bundle: string, beside: Evidence, name: string): Promise<Verification> {
    const verification = await verifyAlone(bundle, beside, name);
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

  async function verifyAlone(bundle: string, beside: Evidence, name: string): Promise<Verification> {
    const alone = await verifyProof({ bundle, name, keys, logs });
    const run = (alone.statement ?? alone.start)?.predicate.runDetails.metadata.invocationId;
    if (run === undefined || alone.keyId === null) return alone;
    return verifyProof({ bundle, name, keys, logs, evidence: kept ? evidenceIn(kept, run) : beside });
  }

  return {
    verify: (bundle, beside, name) => verify(bundle, beside === null ? {} : evidenceBeside(beside), name),
    verifyFolder: (folder, onFile) =>
      verifyFolder(counted(proofFilesIn(folder), onFile), (bundle, name) =>
        verify(bundle, attestationsBeside(folder), name),
      ),
    close: async () => store?.close(),
  };
}

function keysOf(keyPem: string | null, data: DataFolder | undefined): TrustedKey[] {
  const pems = keyPem !== null ? [keyPem] : data ? readPublicKeys(data.keys) : [];
  if (pems.length === 0) throw new CascadeError("KEY_MISSING", "no public key is given, and no data folder holds one");
  return pems.map(trustedKey);
}

function keptIn(data: DataFolder, store: Store): KeptData {
  const proofFiles = openProofFiles(data);
  const code = createStoredCode(data.store);
  const leaf = keptLeaves(data, store);
  // Of a folder, thousands of proofs are of one package.
  const files = new Map<Digest, ReturnType<typeof code.digests>>();
  return {
    store,
    artifacts: createArtifacts(data.artifacts),
    leaf,
    files(digest) {
      const known = files.get(digest) ?? code.digests(digest);
      files.set(digest, known);
      return known;
    },
    manifest: (digest) => readFile(join(data.store, digest, MANIFEST_FILE)).catch(() => undefined),
    attestation: (digest) => readFile(join(data.proofs, attestationFileName(digest)), "utf8").catch(() => undefined),
    proofFile: (name) => proofFiles.read(name),
  };
}

/** Of the log that goes on: former ones are not read. */
function keptLeaves(data: DataFolder, store: Store): KeptData["leaf"] {
  const writer = createSyncedWriter();
  const files = createTlogFiles({ folder: data.tlog, formerFolder: data.formerTlogs, writer });
  return async ({ checkpoint, index }) => {
    const tlog = await store.tlog();
    if (!tlog || !checkpoint.startsWith(`${tlog.origin}\n`) || index < tlog.minimumIndex) return undefined;
    const size = (await store.lastHead(tlog.origin))?.size ?? 0;
    return index < size ? tileNodes(size, (path) => files.read(path))(0, index) : undefined;
  };
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
