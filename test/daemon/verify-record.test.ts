import { chmodSync, cpSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { openVerifier } from "../../src/daemon/verifying.ts";
import { dataFolder } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { lifePackages } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";

const files = lifePackages();

/** The data folder of a stopped daemon with two ended runs, and where their proofs are. */
async function stoppedData(): Promise<{ data: string; run: string; proof: string; other: string }> {
  const room = lifeRoom([files.life]);
  const daemon = await room.start();
  const runs = [];
  for (let count = 0; count < 2; count++) {
    const run = await room.begin(daemon, "quick");
    await room.end(daemon, run);
    await eventually(async () => (await daemon.client.proof(run)).state === "written");
    runs.push(run);
  }
  const [proof, other] = await Promise.all(runs.map(async (run) => (await daemon.client.proof(run)).file));
  await daemon.stop();
  return { data: room.data, run: runs[0]!, proof: join(room.data, proof!), other: join(room.data, other!) };
}

async function verified(data: string, proof: string) {
  const verifier = openVerifier({ keyPem: null, trustedRoot: null, dataRoot: data, anchors: null });
  try {
    const one = await verifier.verify(readFileSync(proof, "utf8"), dirname(proof), proof);
    const all = await verifier.verifyFolder(join(data, "proofs"), () => undefined);
    const failures = one.findings.filter(({ status }) => status === "failed").map(({ message }) => message);
    return { result: one.result, folder: all.result, failures, files: all.files.map(({ name }) => name) };
  } finally {
    await verifier.close();
  }
}

function edited(data: string, sql: string): void {
  const db = new Database(join(data, "cascade.db"));
  db.pragma("foreign_keys = OFF");
  db.exec(sql);
  db.close();
}

describe("a proof beside what is still kept of its run", () => {
  it("is refused for every fact of it that was changed, by its field", async () => {
    const { data, run, proof } = await stoppedData();
    expect(await verified(data, proof)).toEqual({ result: "valid", folder: "valid", failures: [], files: [] });
    const cases: readonly [string, string][] = [
      ["/predicate/outcome/status", "UPDATE runs SET state = 'failed'"],
      ["/predicate/outcome/status", "UPDATE runs SET state = 'running', ended_at = NULL"],
      ["/predicate/buildDefinition/externalParameters/paramsDigest", "UPDATE runs SET params = '{\"a\":1}'"],
      ["/predicate/buildDefinition/externalParameters/plannedAt", "UPDATE runs SET planned_at = planned_at + 1"],
      [
        "/predicate/buildDefinition/externalParameters/trigger",
        `UPDATE runs SET trigger = '{"kind":"schedule","schedule":"life/quick/x","late":false}'`,
      ],
      ["/predicate/buildDefinition/internalParameters/createdAt", "UPDATE runs SET created_at = created_at - 1"],
      ["/predicate/runDetails/metadata/startedOn", "UPDATE runs SET started_at = started_at + 1"],
      ["/predicate/runDetails/metadata/finishedOn", "UPDATE runs SET ended_at = ended_at + 1"],
      ["/predicate/tasks/0/attempts/0/status", "UPDATE attempts SET outcome = 'crashed'"],
      ["/predicate/tasks/0/attempts/0/n", "UPDATE attempts SET number = 2"],
      ["/predicate/tasks/0/attempts/0/startedOn", "UPDATE attempts SET started_at = started_at - 1"],
      ["/predicate/tasks/0/attempts/0/exitCode", "UPDATE attempts SET exit_code = 3"],
      ["/predicate/tasks/0/attempts/0/errorDigest", 'UPDATE attempts SET failure = \'{"code":"X","message":"y"}\''],
      ["/predicate/tasks/0/attempts", "DELETE FROM attempts"],
      ["/predicate/tasks/0/status", "UPDATE task_runs SET state = 'cancelled'"],
      ["output of quick", "UPDATE task_runs SET output = '5'"],
      ["/runNumber", "UPDATE proofs SET run_number = run_number + 7"],
      ["/endedAt", "UPDATE proofs SET ended_at = ended_at + 1"],
      ["/previousProof", `UPDATE proofs SET previous_proof = '${"0".repeat(64)}'`],
      ["/digest", `UPDATE proofs SET digest = '${"0".repeat(64)}'`],
      ["/statement", "UPDATE statements SET statement = replace(statement, 'succeeded', 'failed')"],
      ["/signature", "UPDATE statements SET signature = 'AAAA'"],
      ["the row of package", "UPDATE packages SET version = '9.9.9'"],
      ["the stored manifest", "UPDATE packages SET manifest = replace(manifest, 'quick', 'quack')"],
    ];
    for (const [field, sql] of cases) {
      const copy = join(dataFolder(), "copy");
      cpSync(data, copy, { recursive: true });
      edited(copy, sql.startsWith("UPDATE runs") ? `${sql} WHERE id = '${run}'` : sql);
      const found = await verified(copy, proof.replace(data, copy));
      expect(found.result, sql).toBe("refused");
      expect(found.folder, sql).toBe("refused");
      expect(found.failures.join("\n"), sql).toContain(field);
    }
  });

  it("is refused when it was swapped with another one, and both are named", async () => {
    const { data, proof, other } = await stoppedData();
    renameSync(proof, `${proof}.aside`);
    renameSync(other, proof);
    renameSync(`${proof}.aside`, other);
    const found = await verified(data, proof);
    expect(found).toMatchObject({ result: "refused", folder: "refused" });
    expect(found.failures.join()).toContain("belongs in");
    expect(found.files.toSorted()).toEqual([proof, other].map((path) => path.slice(data.length + 8)).toSorted());
  });

  it("is refused when a file of its package, or its leaf of the log, is another one", async () => {
    const { data, proof } = await stoppedData();
    const [digest] = readdirSync(join(data, "store"));
    const bundle = join(data, "store", digest!, "bundle.mjs");
    const before = readFileSync(bundle);
    chmodSync(bundle, 0o600);
    writeFileSync(bundle, `${before.toString()} `);
    expect((await verified(data, proof)).failures.join()).toContain(`store/${digest!}/bundle.mjs`);
    writeFileSync(bundle, before);

    const tiles = join(data, "tlog/tile/0");
    rmSync(tiles, { recursive: true });
    expect((await verified(data, proof)).failures.join()).toMatch(/leaf \d+ of the log/);
  });
});
