import { rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/sqlite/open.ts";
import { openTlogReader } from "../../src/daemon/tlog-reading.ts";
import { writeTrustedRoot } from "../../src/daemon/trusted-root-file.ts";
import { openVerifier } from "../../src/daemon/verifying.ts";
import { proofFileName, startFileName } from "../../src/domain/proof.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { snapshot, task } from "../support/definitions.ts";
import { eventually } from "../support/eventually.ts";
import { proofBench } from "../support/proof-bench.ts";
import { tempFolder } from "../support/temp-folder.ts";

const strict = snapshot([task("a")], { logStart: true });

/** A data folder with one run that has ended and one that goes on, and what its operator and a stranger can do with it. */
async function room() {
  const folder = tempFolder();
  let release = (): void => {};
  const released = new Promise<void>((resolve) => (release = resolve));
  let begun = 0;
  const bench = await proofBench(folder, { a: () => (begun++ === 0 ? 1 : released) });
  await bench.prover.start();
  const ended = await bench.end(await bench.begin(strict));
  const open = await bench.read(await bench.begin(strict));
  await eventually(() => begun === 2);
  // Also until it has looked for missing files: one that is removed then stays so.
  await bench.prover.caughtUp();
  await bench.prover.idle();
  writeTrustedRoot(join(folder, "keys"), await bench.store.tlogs());
  const proofFile = proofFileName((await bench.store.proof(ended.id))!.proof);

  return {
    ...bench,
    ended,
    open,
    proofFile,
    release,
    sql(text: string): void {
      const db = openDatabase({ file: join(folder, "cascade.db"), now: 0, crashPoint: noCrashPoint });
      db.exec(text);
      db.close();
    },
    remove: (file: string) => rmSync(join(bench.proofs, file)),
    async fsck() {
      const reader = await openTlogReader(folder);
      const findings = await reader.fsck(() => undefined);
      await reader.close();
      return findings.filter(({ check, status }) => check === "starts" || status !== "passed");
    },
    async verify(file: string | null) {
      const verifier = openVerifier({ keyPem: null, trustedRoot: null, dataRoot: folder, anchors: null });
      try {
        if (file === null) return await verifier.verifyFolder(bench.proofs, () => undefined);
        return await verifier.verify((await bench.sink.read(file))!, null, file);
      } finally {
        await verifier.close();
      }
    },
  };
}

describe("a run whose start is logged", () => {
  it("is known to the database while it goes on, when it has ended, and when retention has deleted it", async () => {
    const { engine, end, ended, fsck, open, prover, release, verify } = await room();
    const known = [{ check: "starts", status: "passed", message: "2 starts are of runs that the database knows" }];
    expect(await fsck()).toEqual(known);
    expect(await verify(startFileName(open))).toMatchObject({ result: "valid" });
    expect(await verify(startFileName(ended))).toMatchObject({ result: "valid" });
    expect(await verify(null)).toMatchObject({
      result: "incomplete",
      findings: [{ check: "start", message: expect.stringContaining(`run ${open.id} of pack/flow`) }],
    });
    release();
    await end(open.id);
    await prover.caughtUp();
    expect(await engine.submit({ type: "delete_runs", runs: [ended.id, open.id] })).toEqual({ ok: true });
    expect(await fsck()).toEqual(known);
    expect((await verify(null)).findings).toEqual([]);
    expect(await verify(startFileName(ended))).toMatchObject({ result: "valid" });
  });

  it("is missed when its operator deletes it, its proof and the proof's file", async () => {
    const { ended, fsck, open, proofFile, remove, sql, verify } = await room();
    sql(`DELETE FROM runs WHERE id = '${ended.id}'; DELETE FROM proofs WHERE run_id = '${ended.id}'`);
    remove(proofFile);
    const named = (id: string) =>
      expect.stringMatching(new RegExp(`^run ${id} of pack/flow(,| was) started 2026-01-01T00:00`));
    expect(await fsck()).toEqual([
      { check: "starts", status: "failed", message: named(ended.id) },
      { check: "files", status: "failed", message: `proofs/${proofFile} is missing` },
    ]);
    const folder = await verify(null);
    expect(folder.result).toBe("incomplete");
    expect(folder.findings).toEqual([
      { check: "start", status: "unknown", message: named(ended.id) },
      { check: "start", status: "unknown", message: named(open.id) },
    ]);
    const start = await verify(startFileName(ended));
    expect(start).toMatchObject({ result: "incomplete" });
    expect(start.findings.at(-1)).toMatchObject({ check: "end", message: expect.stringContaining("it was deleted") });
  });

  it("is missed all the same when what the database calls the file of its start is changed", async () => {
    const { ended, fsck, remove, sql } = await room();
    sql(`DELETE FROM runs WHERE id = '${ended.id}'; DELETE FROM proofs WHERE run_id = '${ended.id}';
      UPDATE statements SET file = 'attestations/x.sigstore.json' WHERE file = '${startFileName(ended)}'`);
    remove(startFileName(ended));
    expect((await fsck()).map(({ check, status }) => `${check} ${status}`)).toEqual(["starts failed", "files failed"]);
  });
});
