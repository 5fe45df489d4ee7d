import { join } from "node:path";
import { createProofFiles } from "../../src/adapters/filesystem/proof-files.ts";
import { openLocalSigner } from "../../src/adapters/signing/local-signer.ts";
import { sealRun } from "../../src/domain/seal-run.ts";
import { type CrashPoint, noCrashPoint } from "../../src/kernel/crash-points.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { ProofSink } from "../../src/ports/proof-sink.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { createProver, type Prover } from "../../src/proofs/prover.ts";
import { type EngineBench, engineBench } from "./engine-bench.ts";
import { statementFacts } from "./ended-run.ts";

export interface ProofBench extends EngineBench {
  signer: Signer;
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
      onRunEnded: () => told.prover?.due(),
    },
  });
  const sink = createProofFiles({ folder: proofs, crashPoint: noCrashPoint });
  const nextProver = (crash = noCrashPoint) =>
    createProver({
      store: bench.store,
      sink: createProofFiles({ folder: proofs, crashPoint: crash }),
      writer: bench.engine,
      clock: bench.clock,
      batchEveryMs: 0,
      logger: silentLogger,
    });
  told.prover = nextProver(crashPoint);
  return { ...bench, signer, prover: told.prover, sink, proofs, nextProver };
}
