import type { Seal } from "../../src/domain/sealed-statement.ts";
import { type CrashPoint, noCrashPoint } from "../../src/kernel/crash-points.ts";
import { type Logger, silentLogger } from "../../src/kernel/logger.ts";
import type { Signer } from "../../src/ports/signer.ts";
import { createLateSigning } from "../../src/proofs/late-signing.ts";
import { createProver, type ProverOptions } from "../../src/proofs/prover.ts";
import { createLeafMaker } from "../../src/proofs/tlog/leaf-maker.ts";
import { openTransparencyLog } from "../../src/proofs/tlog/transparency-log.ts";
import { createFakeClock } from "./fake-clock.ts";
import { createMemoryProofSink } from "./memory-proof-sink.ts";
import { createMemoryStatements } from "./memory-statements.ts";
import { createMemoryMark, createMemoryTlogFiles, createMemoryTlogKeys } from "./memory-tlog.ts";
import { createTestSigner } from "./test-signer.ts";

/** Whose key the statements of the bench name. */
export const ownSigner = createTestSigner();

/** Of runs that have ended, to be signed with the bench's own key; `signature` is null for those that wait for that. */
export function statements(count: number, signature: string | null = "c2ln") {
  return Array.from({ length: count }, (_, index) => ({
    file: `run-${String(index).padStart(5, "0")}`,
    statement: `{"n":${index}}`,
    signature,
    keyId: ownSigner.keyId,
  }));
}

export interface ProverBenchOptions extends Partial<ProverOptions> {
  /** Signs what waits, with the bench's own key. */
  signer?: Signer;
  /** Seals the opening of the log; default: at once. */
  seal?: Seal;
  crashPoint?: CrashPoint;
}

/** A prover over a store, files and a clock in memory. */
export function proverBench({
  signer = ownSigner,
  seal = ownSigner,
  crashPoint = noCrashPoint,
  ...change
}: ProverBenchOptions = {}) {
  const store = createMemoryStatements();
  const sink = createMemoryProofSink();
  const clock = createFakeClock();
  const files = createMemoryTlogFiles();
  const errors: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    error: (fields, message) => void errors.push(`${fields.event}: ${message}`),
    child: () => silentLogger,
  };
  const logPorts = {
    store,
    writer: store,
    files,
    mark: createMemoryMark(),
    keys: createMemoryTlogKeys(),
    seal,
    leafOf: createLeafMaker([ownSigner.publicKey]),
    origin: null,
    clock,
    logger: silentLogger,
    crashPoint: noCrashPoint,
  };
  const openLog = () => openTransparencyLog(logPorts);
  const sign = createLateSigning({ signer, writer: store, crashPoint });
  const options = { store, sink, writer: store, sign, openLog, clock, logger, batchEveryMs: 0, ...change };
  /** Files of runs: every log begins with a file of its own. */
  const runFiles = () => [...sink.files.keys()].filter((name) => name.startsWith("run-")).sort();
  const dueRuns = () => store.due().filter((name) => name.startsWith("run-"));
  return {
    store,
    sink,
    clock,
    files,
    errors,
    sign,
    openLog,
    runFiles,
    dueRuns,
    prover: createProver(options),
    again: (other: Partial<ProverOptions> = {}) => createProver({ ...options, ...other }),
  };
}
