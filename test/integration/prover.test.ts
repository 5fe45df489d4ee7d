import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { proofFileName } from "../../src/domain/proof.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { evidenceIn } from "../../src/proofs/evidence.ts";
import { trustedKey } from "../../src/proofs/trusted-key.ts";
import { verifyProof } from "../../src/proofs/verify.ts";
import { snapshot, task } from "../support/definitions.ts";
import { createMemoryArtifacts } from "../support/memory-sinks.ts";
import { type ProofBench, proofBench } from "../support/proof-bench.ts";
import { tempFolder } from "../support/temp-folder.ts";

const chain = snapshot([task("a"), task("b", { after: ["a"] })]);

function filesIn(folder: string): Map<string, string> {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return new Map(entries.map(({ name, parentPath }) => [name, readFileSync(join(parentPath, name), "utf8")]));
}

function runFiles({ proofs }: ProofBench): string[] {
  const names = readdirSync(proofs, { recursive: true, encoding: "utf8" });
  const ofRuns = names.filter((name) => name.endsWith(".sigstore.json") && !name.startsWith("attestations/"));
  return ofRuns.map((name) => name.slice(name.lastIndexOf("/") + 1)).sort();
}

async function verified(bench: ProofBench, run: string) {
  const { proof } = (await bench.store.proof(run))!;
  return verifyProof({
    bundle: (await bench.sink.read(proofFileName(proof)))!,
    logs: await bench.logs(),
    keys: [trustedKey(bench.signer.publicKey)],
    evidence: evidenceIn(
      {
        store: bench.store,
        artifacts: createMemoryArtifacts(),
        manifest: async () => undefined,
        files: async () => undefined,
        leaf: async () => undefined,
        attestation: async () => undefined,
        proofFile: (name) => bench.sink.read(name),
      },
      run,
    ),
  });
}

describe("proofs of an engine's runs", () => {
  it("are there for runs that succeeded, failed and were cancelled, and verify against the database", async () => {
    let ways = 0;
    const bench = await proofBench(tempFolder(), {
      a: ({ signal }) => {
        if (ways++ === 0) return { rows: 3 };
        if (ways === 2) throw new Error("no rows");
        return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("aborted"))));
      },
      b: () => "done",
    });
    const succeeded = await bench.end(await bench.begin(chain));
    const failed = await bench.end(await bench.begin(chain));
    const third = await bench.begin(chain);
    await bench.engine.cancel(third, "user");
    const cancelled = await bench.end(third);
    await bench.prover.idle();
    expect([succeeded, failed, cancelled].map(({ head }) => head.state)).toEqual(["succeeded", "failed", "cancelled"]);
    expect(runFiles(bench)).toHaveLength(3);
    for (const run of [succeeded, failed, cancelled]) {
      const { findings, statement, keyId } = await verified(bench, run.id);
      expect(findings.filter(({ status }) => status === "failed")).toEqual([]);
      // The manifest is all that this bench does not keep.
      expect(findings.filter(({ status }) => status === "unknown").map(({ check }) => check)).toEqual(["package"]);
      expect(keyId).toBe(bench.signer.keyId);
      expect(statement!.predicate.outcome.status).toBe(run.head.state);
    }
  });

  it("form one chain without gaps, however many runs of a workflow end together", async () => {
    const bench = await proofBench(tempFolder(), { a: () => 1, b: () => 2 });
    const runs = await Promise.all(Array.from({ length: 40 }, () => bench.begin(chain)));
    for (const run of runs) await bench.end(run);
    await bench.prover.idle();
    const all = await Promise.all(runs.map(async (run) => (await bench.store.proof(run))!.proof));
    all.sort((left, right) => left.runNumber - right.runNumber);
    expect(all.map(({ runNumber }) => runNumber)).toEqual(runs.map((_, index) => index + 1));
    expect(all.map(({ previousProof }) => previousProof)).toEqual([
      null,
      ...all.slice(0, -1).map(({ digest }) => digest),
    ]);
    for (const proof of all) expect(sha256(proof.statement)).toBe(proof.digest);
    expect((await verified(bench, all[39]!.runId)).findings).toContainEqual(
      expect.objectContaining({ check: "previous", status: "passed" }),
    );
    expect(await bench.store.proofByNumber(all[6]!.workflow, 7)).toMatchObject({ proof: all[6], state: "written" });
    expect(await bench.store.proofByNumber(all[6]!.workflow, 41)).toBeUndefined();
  });

  it("are written again byte for byte when their files were deleted", async () => {
    const bench = await proofBench(tempFolder(), { a: () => 1, b: () => 2 });
    for (let count = 0; count < 3; count++) await bench.end(await bench.begin(chain));
    await bench.prover.idle();
    const before = filesIn(bench.proofs);
    rmSync(bench.proofs, { recursive: true });
    const next = bench.nextProver();
    await next.start();
    await next.idle();
    expect(filesIn(bench.proofs)).toEqual(before);
    await next.stop();
  });

  it("are written at the start when the former life ended before it wrote any", async () => {
    const bench = await proofBench(tempFolder(), { a: () => 1, b: () => 2 });
    await bench.prover.start();
    await bench.prover.stop();
    const run = await bench.end(await bench.begin(chain));
    expect((await bench.store.proof(run.id))!.state).toBe("due");
    const next = bench.nextProver();
    await next.start();
    await next.idle();
    expect(runFiles(bench)).toEqual([`${run.id}.sigstore.json`]);
    expect((await bench.store.proof(run.id))!.state).toBe("written");
    await next.stop();
  });

  it.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 15])(
    "are all there after a crash at step %i of the pipeline and a restart",
    async (passage) => {
      let passed = 0;
      let dead = false;
      const crash = () => {
        if (dead || ++passed === passage) {
          dead = true;
          throw new Error("the daemon died here");
        }
      };
      const bench = await proofBench(tempFolder(), { a: () => 1, b: () => 2 }, crash);
      const runs = [];
      for (let count = 0; count < 4; count++) {
        runs.push(await bench.end(await bench.begin(chain)));
        await bench.prover.idle();
      }
      expect(dead).toBe(true);
      const next = bench.nextProver();
      await next.start();
      await next.idle();
      expect(runFiles(bench)).toEqual(runs.map(({ id }) => `${id}.sigstore.json`).sort());
      for (const { id } of runs) {
        expect((await bench.store.proof(id))!.state).toBe("written");
        expect((await verified(bench, id)).keyId).toBe(bench.signer.keyId);
      }
      await next.stop();
    },
  );

  it("are refused against the database when an output there was changed", async () => {
    const bench = await proofBench(tempFolder(), { a: () => 1, b: () => 2 });
    const { id } = await bench.end(await bench.begin(chain));
    await bench.prover.idle();
    const { proof } = (await bench.store.proof(id))!;
    const forged = {
      ...bench.store,
      loadRun: async (run: string) => {
        const loaded = (await bench.store.loadRun(run))!;
        loaded.tasks.set("a", { ...loaded.tasks.get("a")!, output: { kind: "inline", json: "2" } });
        return loaded;
      },
    };
    const { result, findings } = await verifyProof({
      bundle: (await bench.sink.read(proofFileName(proof)))!,
      logs: await bench.logs(),
      keys: [trustedKey(bench.signer.publicKey)],
      evidence: evidenceIn(
        {
          store: forged,
          artifacts: createMemoryArtifacts(),
          manifest: async () => undefined,
          files: async () => undefined,
          leaf: async () => undefined,
          attestation: async () => undefined,
          proofFile: (name) => bench.sink.read(name),
        },
        id,
      ),
    });
    expect(result).toBe("refused");
    expect(findings.filter(({ status }) => status === "failed").map(({ message }) => message)).toEqual([
      expect.stringContaining("output of a"),
    ]);
  });

  it("do not keep runs from ending while their files cannot be written", async () => {
    const bench = await proofBench(tempFolder(), { a: () => 1, b: () => 2 });
    writeFileSync(bench.proofs, "a file where the folder should be");
    const run = await bench.end(await bench.begin(chain));
    expect(run.head.state).toBe("succeeded");
    await bench.prover.idle();
    expect((await bench.store.proof(run.id))!.state).toBe("due");
    rmSync(bench.proofs);
    await bench.clock.advance(60_000);
    await bench.prover.idle();
    expect(runFiles(bench)).toEqual([`${run.id}.sigstore.json`]);
  });
});
