import { join } from "node:path";
import { createProofFiles } from "../../src/adapters/filesystem/proof-files.ts";
import { createProofPacks } from "../../src/adapters/filesystem/proof-packs.ts";
import { createSyncedWriter } from "../../src/adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../../src/adapters/filesystem/tlog-files.ts";
import { createTlogMark } from "../../src/adapters/filesystem/tlog-mark.ts";
import { openLocalSigner } from "../../src/adapters/signing/local-signer.ts";
import { createTlogKeys } from "../../src/adapters/signing/tlog-keys.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { signStatement } from "../../src/domain/sealed-statement.ts";
import { startStatementText } from "../../src/domain/start-statement.ts";
import { type CrashPoint, noCrashPoint } from "../../src/kernel/crash-points.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { ProofSink } from "../../src/ports/proof-sink.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { createLateSigning } from "../../src/proofs/late-signing.ts";
import { createProver, type Prover } from "../../src/proofs/prover.ts";
import { createLeafMaker } from "../../src/proofs/tlog/leaf-maker.ts";
import { type NoteKey, parseVkey } from "../../src/proofs/tlog/note.ts";
import { openTransparencyLog } from "../../src/proofs/tlog/transparency-log.ts";
import { type EngineBench, engineBench } from "./engine-bench.ts";
import { statementFacts } from "./ended-run.ts";

export interface ProofBench extends EngineBench {
  signer: Signer;
  /** The transparency logs to trust. */
  logs(): Promise<NoteKey[]>;
  prover: Prover;
  sink: ProofSink;
  /** Where the files are. */
  proofs: string;
  /** A prover over the same store and files, as after a restart. */
  nextProver(crashPoint?: CrashPoint): Prover;
}

/** An engine over real SQLite whose ended runs are signed by a key in `folder/keys` and proven in `folder/proofs`. */
export async function proofBench(
  folder: string,
  tasks: Parameters<typeof engineBench>[1],
  crashPoint: CrashPoint = noCrashPoint,
): Promise<ProofBench> {
  const proofs = join(folder, "proofs");
  const signer = openLocalSigner(join(folder, "keys"));
  const told: { prover?: Prover } = {};
  const bench = await engineBench(folder, tasks, {
    options: {
      sealRun: (run, place) => sealRun(run, statementFacts(place), signer),
      sealStart: (run) => signStatement(startStatementText(run, statementFacts()), signer),
      onRunEnded: () => told.prover?.due(),
      onStartLogged: () => told.prover?.due(),
    },
  });
  const { store, clock } = bench;
  const writer = createSyncedWriter();
  const sink = createProofFiles({ folder: proofs, writer, packs: createProofPacks(), crashPoint: noCrashPoint });
  const nextProver = (crash = noCrashPoint) =>
    createProver({
      store,
      sink: createProofFiles({ folder: proofs, writer, packs: createProofPacks(), crashPoint: crash }),
      writer: bench.engine,
      sign: createLateSigning({ signer, writer: bench.engine, crashPoint: crash }),
      openLog: () =>
        openTransparencyLog({
          store,
          writer: bench.engine,
          files: createTlogFiles({ folder: join(folder, "tlog"), formerFolder: join(folder, "tlog-former"), writer }),
          mark: createTlogMark(join(folder, "marks"), writer, () => undefined),
          keys: createTlogKeys(join(folder, "keys")),
          seal: signer,
          leafOf: createLeafMaker([signer.publicKey]),
          origin: null,
          clock,
          logger: silentLogger,
          crashPoint: crash,
        }),
      clock,
      batchEveryMs: 0,
      logger: silentLogger,
    });
  told.prover = nextProver(crashPoint);
  const logs = async () => (await store.tlogs()).map(({ vkey }) => parseVkey(vkey));
  return { ...bench, signer, logs, prover: told.prover, sink, proofs, nextProver };
}
