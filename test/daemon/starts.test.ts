import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDatabase } from "../../src/adapters/sqlite/open.ts";
import type { ProofView } from "../../src/app/views.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { builtProgram, packTo } from "../support/built-program.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { OUTSIDE } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";
import { sqliteProgram } from "../support/sqlite-program.ts";

/**
 * swift  returns at once
 * gated  waits until `gate` is there
 * plain  logs no starts
 * tick   each second; only `strict-tick` has it
 */
const SOURCE = `
import { appendFileSync, existsSync } from "node:fs";
import { workflow } from "cascaded";

const outside = process.env.OUTSIDE ?? "";
export const swift = workflow("swift", { logStart: true }).task("swift", () => 1);
export const gated = workflow("gated", { logStart: true }).task("gated", async ({ runId, attempt }) => {
  appendFileSync(outside + "/log", runId + " gated " + attempt + "\\n");
  while (!existsSync(outside + "/gate")) await new Promise((resolve) => setTimeout(resolve, 10));
  return null;
});
export const plain = workflow("plain").task("plain", () => 1);
`;
const TICK = `
import { cron, workflow } from "cascaded";
export default workflow("tick", { logStart: true, on: [cron("* * * * * *", { name: "each-second" })] })
  .task("tick", () => null);
`;

const packed = mkdtempSync(join(tmpdir(), "cascade-strict-"));
const files = { strict: join(packed, "strict-1.0.0.cascade"), tick: join(packed, "strict-tick-1.0.0.cascade") };
beforeAll(async () => {
  await packTo(files.strict, { name: "strict", cascade: { env: [OUTSIDE] }, source: SOURCE });
  await packTo(files.tick, { name: "strict-tick", source: TICK });
});
afterAll(() => rmSync(packed, { recursive: true, force: true }));

function strictRoom(packages = [files.strict]) {
  const room = lifeRoom(packages);
  const home = dirname(room.config);
  const run = (program: string, argv: readonly string[]) => {
    const env = { PATH: process.env["PATH"], HOME: home, CASCADE_DATA: room.data };
    const { status, stdout, stderr } = spawnSync(program, argv, { encoding: "utf8", env });
    return { status, out: stdout, err: stderr };
  };
  const keys = [join(room.data, "keys/proof.pub.pem"), join(room.data, "keys/trusted_root.json")];
  const judge = (name: string) => resolve(import.meta.dirname, "../judges", name);
  const cascade = (...argv: readonly string[]) => run(process.execPath, [builtProgram(), ...argv]);
  return {
    ...room,
    home,
    cascade,
    start: (environment: Readonly<Record<string, string>> = {}) => room.start({ XDG_CACHE_HOME: home, ...environment }),
    spawn: (environment: Readonly<Record<string, string>> = {}) => room.spawn({ XDG_CACHE_HOME: home, ...environment }),
    /** What each judge says of a file, ours first: 0 when it is good. */
    judged: (path: string) => [
      cascade("verify", path).status,
      run("python3", [judge("verify_proof.py"), path, ...keys]).status,
      run(process.execPath, [judge("sigstore.mjs"), path, ...keys]).status,
    ],
    /** The proof of a run that ends, once its file is there. */
    async proof(daemon: DaemonProcess, id: string): Promise<ProofView> {
      await room.end(daemon, id);
      return eventually(async () => {
        const view = await daemon.client.proof(id);
        return view.state === "written" && view;
      });
    },
    /** In the order of the log: what is about runs. */
    log: () =>
      sqliteProgram<{ what: string }>(
        join(room.data, "cascade.db"),
        `SELECT json_extract(statement, '$.predicate.runDetails.metadata.invocationId') || ' ' ||
          replace(replace(json_extract(statement, '$.predicateType'), 'urn:cascade:attestation:', ''), ':v1', '') AS what
          FROM statements WHERE file NOT LIKE 'attestations/%' ORDER BY id`,
      ).map(({ what }) => what),
  };
}

describe("a workflow that logs its starts", () => {
  it("has two leaves for each run, by hand and by schedule, that every judge takes", async () => {
    const room = strictRoom([files.strict, files.tick]);
    const daemon = await room.start();
    await daemon.client.startRun({ workflow: "plain", params: {} });
    const { id: byHand } = await daemon.client.startRun({ workflow: "swift", params: {} });
    const bySchedule = await eventually(async () => {
      const { items } = await daemon.client.runs({ workflow: "tick", state: ["succeeded"], limit: 1, cursor: null });
      return items[0]?.id ?? false;
    });
    await daemon.client.pauseSchedule("strict-tick/tick/each-second");
    for (const id of [byHand, bySchedule]) {
      const { start, tlog, file: end } = await room.proof(daemon, id);
      expect(start!.index).toBeLessThan(tlog!.index);
      expect(room.judged(join(room.data, start!.file))).toEqual([0, 0, 0]);
      expect(room.judged(join(room.data, end))).toEqual([0, 0, 0]);
      const verified = room.cascade("verify", id);
      expect(verified).toMatchObject({ status: 0, out: expect.stringMatching(/passed +start +it was started by/) });
      expect(room.cascade("proof", "show", id).out).toContain(`${start!.digest}, leaf ${start!.index}, ${start!.file}`);
    }
    const startFile = join(room.data, (await daemon.client.proof(byHand)).start!.file);
    expect(room.cascade("verify", startFile).out).toMatch(
      /about the start of a run of strict\/swift, created 20.*Z\n[^]*passed +end .* names this start\nvalid: start of run /,
    );
    await daemon.stop();
    expect(room.cascade("tlog", "fsck")).toMatchObject({
      status: 0,
      out: expect.stringMatching(/passed +starts +\d+ starts are of runs that the database knows/),
    });
    expect(room.cascade("verify", join(room.data, "proofs")).out).toMatch(/^valid: .* 0 refused, 0 incomplete\n$/);
    const log = room.log();
    for (const id of [byHand, bySchedule])
      expect(log.filter((line) => line.startsWith(id))).toEqual([`${id} run-start`, `${id} run`]);
  });

  it("hands start and end out together, to be verified with nothing else at hand", async () => {
    const room = strictRoom();
    const daemon = await room.start();
    const { id } = await daemon.client.startRun({ workflow: "swift", params: {} });
    await room.proof(daemon, id);
    await daemon.stop();
    const folder = join(room.home, "handed");
    expect(room.cascade("proof", "export", id, "-o", folder).status).toBe(0);
    const elsewhere = (name: string) => {
      const trust = ["--key", join(folder, "proof.pub.pem"), "--trusted-root", join(folder, "trusted_root.json")];
      const argv = [builtProgram(), "verify", join(folder, name), ...trust];
      const env = { PATH: process.env["PATH"], HOME: folder };
      const { status, stdout } = spawnSync(process.execPath, argv, { encoding: "utf8", env });
      return { status, out: stdout };
    };
    expect(elsewhere(`${id}.sigstore.json`)).toMatchObject({ status: 0, out: expect.stringMatching(/passed +start /) });
    expect(elsewhere(`${id}.start.sigstore.json`).status).toBe(0);
    expect(elsewhere(".").status).toBe(0);
    rmSync(join(folder, `${id}.start.sigstore.json`));
    expect(elsewhere(`${id}.sigstore.json`).status).toBe(2);
    expect(elsewhere(".")).toMatchObject({
      status: 2,
      out: expect.stringContaining(`the start of run ${id} of strict/swift`),
    });
  });

  it.each(["before any of its tasks is dispatched", "while its task runs"])(
    "has its start logged once when the daemon is killed %s, and its end after the restart",
    async (moment) => {
      const room = strictRoom();
      const isBefore = moment.startsWith("before");
      const daemon = room.spawn(isBefore ? { CASCADE_CRASH_AT: "run-committed:1" } : {});
      await daemon.ready();
      // The answer goes down with the daemon.
      const asked = daemon.client.startRun({ workflow: "gated", params: {}, key: "one" }).catch(() => undefined);
      if (isBefore) await daemon.ended;
      else {
        await eventually(() => room.lines().length === 1);
        await daemon.kill();
      }
      await asked;
      const [started] = room.log();
      const id = started!.split(" ")[0]!;
      expect(room.log()).toEqual([`${id} run-start`]);
      expect(room.lines().map(({ run }) => run)).toEqual(isBefore ? [] : [id]);
      const next = await room.start();
      const startFile = await eventually(() => {
        const [row] = sqliteProgram<{ file: string }>(
          join(room.data, "cascade.db"),
          `SELECT file FROM statements WHERE file LIKE '%${id}.start.%' AND id <= (SELECT through FROM written_files)`,
        );
        return row ? join(room.data, "proofs", row.file) : false;
      });
      expect(room.judged(startFile)).toEqual([0, 0, 0]);
      expect(room.cascade("verify", startFile).out).toMatch(/passed +end +its run has not ended yet/);
      expect(room.cascade("verify", join(room.data, "proofs"))).toMatchObject({
        status: 2,
        out: expect.stringContaining(`run ${id} of strict/gated, started 20`),
      });
      room.openGate();
      expect((await next.client.startRun({ workflow: "gated", params: {}, key: "one" })).id).toBe(id);
      await room.proof(next, id);
      await next.stop();
      expect(room.log()).toEqual([`${id} run-start`, `${id} run`]);
      expect(room.cascade("verify", id)).toMatchObject({ status: 0, out: expect.stringMatching(/passed +start /) });
      expect(room.cascade("verify", join(room.data, "proofs")).status).toBe(0);
      expect(room.cascade("tlog", "fsck").status).toBe(0);
    },
  );

  it("gives away an operator who deletes a run, its proof and the proof's file", async () => {
    const room = strictRoom();
    const daemon = await room.start();
    const { id } = await daemon.client.startRun({ workflow: "swift", params: {} });
    const { file: end, start } = await room.proof(daemon, id);
    await daemon.stop();
    const startFile = join(room.data, start!.file);
    const { createdAt } = JSON.parse(
      Buffer.from(JSON.parse(readFileSync(startFile, "utf8")).dsseEnvelope.payload, "base64").toString("utf8"),
    ).predicate.buildDefinition.internalParameters;

    const db = openDatabase({ file: join(room.data, "cascade.db"), now: 0, crashPoint: noCrashPoint });
    db.prepare("DELETE FROM runs WHERE id = ?").run(id);
    db.prepare("DELETE FROM proofs WHERE run_id = ?").run(id);
    db.close();
    rmSync(join(room.data, end));

    expect(room.cascade("verify", join(room.data, "proofs"))).toMatchObject({
      status: 2,
      out: expect.stringContaining(`run ${id} of strict/swift, started ${createdAt}`),
    });
    expect(room.cascade("tlog", "fsck")).toMatchObject({
      status: 1,
      out: expect.stringMatching(new RegExp(`failed +starts +run ${id} of strict/swift was started ${createdAt}`)),
    });
    expect(room.cascade("verify", startFile)).toMatchObject({ status: 2, out: expect.stringContaining("was deleted") });
    // A daemon goes on, and the database stays without the run.
    const next = await room.start();
    await next.stop();
    expect(room.cascade("tlog", "fsck")).toMatchObject({ status: 1, out: expect.stringMatching(/failed +starts/) });
  });
});
