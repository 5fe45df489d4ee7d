import { createProofFiles } from "../adapters/filesystem/proof-files.ts";
import { createProofPacker } from "../adapters/filesystem/proof-packer.ts";
import { createProofPacks } from "../adapters/filesystem/proof-packs.ts";
import { createReceiptFiles } from "../adapters/filesystem/receipt-files.ts";
import { createSyncedWriter } from "../adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../adapters/filesystem/tlog-files.ts";
import { createTlogMark } from "../adapters/filesystem/tlog-mark.ts";
import { readPublicKeys } from "../adapters/signing/local-signer.ts";
import { createTlogKeys } from "../adapters/signing/tlog-keys.ts";
import type { Clock } from "../kernel/clock.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import type { Logger } from "../kernel/logger.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { Store } from "../ports/store.ts";
import { createAnchorer } from "../proofs/anchorer.ts";
import { createLateSigning } from "../proofs/late-signing.ts";
import { createProver } from "../proofs/prover.ts";
import { createPruner } from "../proofs/pruner.ts";
import { adoptLog } from "../proofs/tlog/adopt-log.ts";
import { knownHeads } from "../proofs/tlog/known-heads.ts";
import { createLeafMaker } from "../proofs/tlog/leaf-maker.ts";
import type { LogPorts } from "../proofs/tlog/open-log.ts";
import { openTransparencyLog } from "../proofs/tlog/transparency-log.ts";
import type { AnchorPlan } from "./anchors-file.ts";
import type { DataFolder } from "./data-folder.ts";
import { makeAnchors } from "./make-anchors.ts";
import type { ProofSigner } from "./proof-signer.ts";
import { writeTrustedRoot } from "./trusted-root-file.ts";

export interface ProofWiring extends ProofSigner {
  store: Store;
  data: DataFolder;
  /** Where the heads of transparency logs are remembered, outside the data folder. */
  markFolder: string;
  /** The name of a log that is opened; null names it by its key. */
  origin: string | null;
  anchors: readonly AnchorPlan[];
  environment: Readonly<Record<string, string | undefined>>;
  writer: ChangeWriter;
  clock: Clock;
  logger: Logger;
  crashPoint: CrashPoint;
}

/** A proof file is seldom waited for, and one sync of a folder serves a whole batch. */
const BATCH_EVERY_MS = 200;

/** Puts together what makes proofs out of stored statements: the log, its files, what is shown of it, and how long it is kept. */
export function wireProofs({ store, data, signer, seal, writer, clock, crashPoint, ...options }: ProofWiring) {
  const logger = options.logger.child("proofs");
  const fileWriter = createSyncedWriter();
  const packs = createProofPacks();
  const sink = createProofFiles({ folder: data.proofs, writer: fileWriter, packs, crashPoint });
  const files = createTlogFiles({ folder: data.tlog, formerFolder: data.formerTlogs, writer: fileWriter });
  const logPorts: LogPorts = {
    store,
    writer,
    files,
    mark: createTlogMark(options.markFolder, fileWriter, (error) =>
      logger.warn({ event: "tlog.mark.failed", err: error }, "an older copy of the data folder would not be noticed"),
    ),
    keys: createTlogKeys(data.keys),
    seal,
    leafOf: createLeafMaker(readPublicKeys(data.keys)),
    origin: options.origin,
    clock,
    logger,
    crashPoint,
  };

  const prover = createProver({
    store,
    sink,
    writer,
    sign: createLateSigning({ signer, writer, crashPoint }),
    async openLog() {
      const log = await openTransparencyLog(logPorts);
      writeTrustedRoot(data.keys, await store.tlogs());
      return log;
    },
    clock,
    logger,
    batchEveryMs: BATCH_EVERY_MS,
    onHeadSigned: () => anchorer.headSigned(),
  });

  const anchorLogger = options.logger.child("anchors");
  const anchors = makeAnchors(options.anchors, {
    async newestSize(log) {
      // What is published is recorded a moment later, and a witness may have been quick.
      const heads = await knownHeads(logPorts, log);
      return Math.max(0, ...heads.map(({ head }) => head.size));
    },
    keysFolder: data.keys,
    environment: options.environment,
    clock,
    logger: anchorLogger,
  });
  const anchorer = createAnchorer({
    anchors,
    store,
    files,
    receipts: createReceiptFiles(data.receipts, fileWriter),
    writer,
    clock,
    logger: anchorLogger,
    onRolledBack: (error) => prover.refuse(error),
  });

  let adopting: Promise<void> | undefined;
  async function adopt(): Promise<void> {
    await adoptLog(logPorts);
    await prover.reopen();
  }

  return {
    prover,
    anchorer,
    anchors,
    files: sink,
    /** Resolves when another log goes on in the place of this one; several calls at once are one. */
    adopt: () => (adopting ??= adopt().finally(() => (adopting = undefined))),
    prune: createPruner({ store, writer, files, sink, prover, seal, clock, logger }),
    packer: createProofPacker({ folder: data.proofs, writer: fileWriter, packs }),
  };
}
