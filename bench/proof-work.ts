import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { createProofFiles } from "../src/adapters/filesystem/proof-files.ts";
import { createProofPacks } from "../src/adapters/filesystem/proof-packs.ts";
import { createSyncedWriter } from "../src/adapters/filesystem/synced-writer.ts";
import { createTlogFiles } from "../src/adapters/filesystem/tlog-files.ts";
import { createTlogMark } from "../src/adapters/filesystem/tlog-mark.ts";
import { openLocalSigner } from "../src/adapters/signing/local-signer.ts";
import { createTlogKeys } from "../src/adapters/signing/tlog-keys.ts";
import { bundleText } from "../src/domain/bundle.ts";
import { type Proof, proofFileName } from "../src/domain/proof.ts";
import type { Run } from "../src/domain/run.ts";
import { sealRun } from "../src/domain/seal-run.ts";
import { isSigned, type SignedStatement } from "../src/domain/sealed-statement.ts";
import { noCrashPoint } from "../src/kernel/crash-points.ts";
import { createAppender, emptyLog } from "../src/proofs/tlog/appender.ts";
import { createLeafMaker } from "../src/proofs/tlog/leaf-maker.ts";
import { createEntryMaker } from "../src/proofs/tlog/log-entry.ts";
import { keyOfLog } from "../src/proofs/tlog/signed-checkpoint.ts";
import { snapshot, task } from "../test/support/definitions.ts";
import { endedRun, inline } from "../test/support/ended-run.ts";

/** Statements before the clock starts: a daemon proves runs for months, and its code is compiled after the first few. */
const WARM_UP = 3_000;

const frozen = snapshot([task("only")]);

/**
 * All that a run's proof takes beside the rows in the database, without a daemon: statement, signature, leaf, tiles, head and
 * synced file, in batches as large as the daemon's would be. Processor time of all threads.
 */
export async function proofWork(folder: string, count: number, batch: number): Promise<{ cpuMs: number }> {
  mkdirSync(folder, { recursive: true });
  const keys = join(folder, "keys");
  const signer = openLocalSigner(keys);
  const logSigner = await createTlogKeys(keys).create(null);
  const writer = createSyncedWriter();
  const leafOf = createLeafMaker([signer.publicKey]);
  const sink = createProofFiles({
    folder: join(folder, "proofs"),
    writer,
    packs: createProofPacks(),
    crashPoint: noCrashPoint,
  });
  const appender = createAppender(emptyLog, {
    files: createTlogFiles({ folder: join(folder, "tlog"), formerFolder: join(folder, "tlog-former"), writer }),
    mark: createTlogMark(join(folder, "marks"), writer, () => undefined),
    signer: logSigner,
    crashPoint: noCrashPoint,
  });
  const versions = { cascade: "0.0.0", node: process.versions.node, platform: `${process.platform}-${process.arch}` };
  const admission = { digest: null, unsigned: true };

  async function prove(runs: readonly Run[]): Promise<void> {
    const from = appender.size();
    const proofs: SignedStatement<Proof>[] = [];
    for (const [at, run] of runs.entries()) {
      const place = { runNumber: from + at + 1, previousProof: "0".repeat(64) };
      const proof = await sealRun(run, { ...place, builderId: "urn:bench", versions, admission }, signer);
      if (isSigned(proof)) proofs.push(proof);
    }
    const bodies = proofs.map(leafOf);
    const { head, growth } = await appender.append(bodies);
    const entryOf = createEntryMaker(keyOfLog(logSigner), head);
    await sink.write(
      proofs.map((proof, at) => {
        const entry = entryOf(from + at, bodies[at]!, growth.path(from + at));
        return { name: proofFileName(proof), text: bundleText({ ...proof, entry }) };
      }),
      { areNew: true },
    );
  }

  let cpuMs = 0;
  for (let at = -WARM_UP; at < count; at += batch) {
    // The runs of one batch at a time, as the engine lets them go when they have ended: to keep all of them is work for the
    // garbage collector that has nothing to do with proofs.
    const runs = Array.from({ length: batch }, (_, within) => endedRunOf(WARM_UP + at + within));
    const before = process.cpuUsage();
    await prove(runs);
    const { user, system } = process.cpuUsage(before);
    if (at >= 0) cpuMs += (user + system) / 1_000;
  }
  return { cpuMs: cpuMs / count };
}

function endedRunOf(number: number) {
  const id = `01890a5d-ac96-774b-bcce-${String(number).padStart(12, "0")}`;
  return endedRun(frozen, { only: inline({ id }) }, { id });
}
