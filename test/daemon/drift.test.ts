import { chmodSync, copyFileSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { DriftView } from "../../src/app/views.ts";
import { packTo } from "../support/built-program.ts";
import { testTerminal } from "../support/cli-io.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { OUTSIDE } from "../support/life-packages.ts";
import { lifeRoom } from "../support/life-room.ts";

const source = (task: string, description = "adds") => `
import { appendFileSync, existsSync } from "node:fs";
import { workflow } from "cascaded";
import { rate } from "./rate.ts";
const outside = process.env.OUTSIDE ?? "";
export const quick = workflow("quick", { description: "${description}" }).task("one", () => rate).task("two", () => ${task});
export const slow = workflow("slow").task("wait", async ({ runId, attempt }) => {
  appendFileSync(outside + "/log", runId + " wait " + attempt + "\\n");
  while (!existsSync(outside + "/gate")) await new Promise((resolve) => setTimeout(resolve, 10));
  return null;
});
`;

const folder = mkdtempSync(join(tmpdir(), "cascade-drift-"));
const file = (name: string) => join(folder, `${name}.cascade`);
beforeAll(async () => {
  const pack = (name: string, version: string, task: string, rate: string, description?: string) =>
    packTo(file(name), {
      name: "shop",
      version,
      cascade: { env: [OUTSIDE] },
      source: source(task, description),
      files: { "rate.ts": `export const rate = ${rate};\n` },
    });
  await pack("first", "1.0.0", "1", "1");
  await pack("second", "1.1.0", "2", "2");
  await pack("renamed", "1.2.0", "1", "1", "sums");
  await pack("forged", "1.0.0", "1", "3");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rigged() {
  const room = lifeRoom([file("first")], 'scan_interval = "100ms"');
  const watched = join(room.data, "packages");
  const terminal = testTerminal(folder, { environment: { CASCADE_DATA: room.data } });
  const drift = async (...argv: string[]) => {
    const { code, out, err } = await terminal.run("drift", ...argv, "--json");
    if (out === "") throw new Error(err);
    const view = JSON.parse(out) as DriftView;
    const lines = [...view.findings, ...view.unknown].map(({ kind, subject }) => `${kind} ${subject}`);
    return { code, result: view.result, lines, view };
  };
  const served = (daemon: DaemonProcess, version: string) =>
    eventually(async () => (await daemon.client.workflows()).some((workflow) => workflow.version === version));
  const ended = async (daemon: DaemonProcess, workflow: string) => {
    const { id } = await daemon.client.startRun({ workflow, params: {} });
    return room.end(daemon, id);
  };
  return { room, watched, terminal, drift, served, ended };
}

/** As somebody with the daemon's rights could. */
function tamper(data: string, sql: string): void {
  const database = new Database(join(data, "cascade.db"));
  database.exec(sql);
  database.close();
}

describe("cascade drift", () => {
  it("holds runs against live definitions, beside the daemon and without it", async () => {
    const { room, watched, terminal, drift, served, ended } = rigged();
    const daemon = await room.start();
    await served(daemon, "1.0.0");
    const first = await ended(daemon, "quick");
    const slow = await room.begin(daemon, "slow");
    expect(await drift()).toMatchObject({ code: 0, view: { result: "none", findings: [], unknown: [] } });
    expect(await terminal.run("drift")).toEqual({ code: 0, out: "", err: "Nothing has drifted.\n" });

    copyFileSync(file("second"), join(watched, "second.cascade"));
    await served(daemon, "1.1.0");
    const drifted = await drift();
    expect(drifted).toMatchObject({ code: 1, result: "drift" });
    expect(drifted.lines).toEqual(["task-code shop/quick/two", "shared rate.ts", "shared rate.ts"]);
    expect(drifted.view.findings[2]!.between).toEqual({
      before: `running run ${slow} of shop@1.0.0`,
      after: "the live definition of shop@1.1.0",
    });
    expect((await drift("quick")).lines).toEqual(["task-code shop/quick/two", "shared rate.ts"]);
    const shown = await terminal.run("drift", "shop/quick");
    expect(shown.code).toBe(1);
    expect(shown.out).toMatch(
      /^KIND +SUBJECT +WHAT\ntask-code +shop\/quick\/two +its function has changed \(the last run /,
    );

    const second = await ended(daemon, "quick");
    expect((await drift("quick")).lines).toEqual([]);
    expect((await drift("--runs", first.id, second.id)).lines).toEqual(["task-code shop/quick/two", "shared rate.ts"]);
    expect(await drift("--runs", first.id, first.id)).toMatchObject({ code: 0 });
    expect(await terminal.run("drift", "--runs", first.id, slow)).toMatchObject({ code: 64 });
    room.openGate();
    await room.end(daemon, slow);

    for (const name of readdirSync(watched)) rmSync(join(watched, name));
    await eventually(async () => (await daemon.client.workflows()).length === 0);
    expect((await drift()).lines).toEqual(["missing shop/quick", "missing shop/slow"]);
    await daemon.stop();
    expect(await drift("slow")).toMatchObject({ code: 1, lines: ["missing shop/slow"] });
  });

  it("finds nothing missing where somebody has asked for the package to be removed", async () => {
    const { room, drift, served, ended } = rigged();
    const daemon = await room.start();
    await served(daemon, "1.0.0");
    await ended(daemon, "quick");
    await daemon.client.removePackage("shop", null);
    await eventually(async () => (await daemon.client.packages()).length === 0);
    expect(await drift()).toMatchObject({ code: 0, lines: [] });
    await daemon.stop();
    expect(await drift()).toMatchObject({ code: 0, lines: [] });
  });

  it("finds watched files that are not what was admitted, and rejected ones beside them", async () => {
    const { room, watched, drift, served } = rigged();
    const daemon = await room.start();
    await served(daemon, "1.0.0");
    copyFileSync(file("forged"), join(watched, "forged.cascade"));
    await eventually(async () => (await daemon.client.packages()).some(({ state }) => state === "rejected"));
    const beside = await drift();
    expect(beside.lines).toEqual(["package shop@1.0.0"]);
    expect(beside.view.findings[0]!.message).toContain("was rejected: PACKAGE_CONFLICT");
    rmSync(join(watched, "forged.cascade"));
    await eventually(async () => (await daemon.client.packages()).length === 1);
    await daemon.stop();
    expect(await drift()).toMatchObject({ code: 0 });

    renameSync(join(watched, "first.cascade"), join(watched, "away"));
    expect((await drift()).lines).toEqual(["missing shop@1.0.0"]);
    copyFileSync(file("forged"), join(watched, "first.cascade"));
    expect((await drift()).lines).toEqual(["shared rate.ts", "package shop@1.0.0"]);
    copyFileSync(file("renamed"), join(watched, "first.cascade"));
    expect(await drift()).toMatchObject({ code: 0 });
    writeFileSync(join(watched, "first.cascade"), "torn");
    expect((await drift()).view.findings).toMatchObject([
      { kind: "package", message: expect.stringContaining("PACKAGE_") as string },
    ]);
  });

  it("finds stored code and proofs that somebody has changed", async () => {
    const { room, drift, served, ended } = rigged();
    const daemon = await room.start();
    await served(daemon, "1.0.0");
    for (let count = 0; count < 3; count++) await ended(daemon, "quick");
    await daemon.stop();
    expect(await drift()).toMatchObject({ code: 0 });

    tamper(room.data, `UPDATE snapshots SET content = replace(content, '"attempts":1', '"attempts":9')`);
    expect((await drift()).lines).toEqual(["store shop/quick", "store shop/slow"]);
    tamper(room.data, `UPDATE snapshots SET content = replace(content, '"attempts":9', '"attempts":1')`);

    const [digest] = readdirSync(join(room.data, "store"));
    const stored = join(room.data, "store", digest!);
    chmodSync(join(stored, "bundle.mjs"), 0o644);
    writeFileSync(join(stored, "bundle.mjs"), "export default 1;");
    writeFileSync(join(stored, "more.mjs"), "");
    rmSync(join(stored, "bundle.mjs.map"));
    expect((await drift()).lines.toSorted()).toEqual([
      "store shop@1.0.0/bundle.mjs",
      "store shop@1.0.0/bundle.mjs.map",
      "store shop@1.0.0/more.mjs",
    ]);
    rmSync(stored, { recursive: true });
    expect((await drift()).lines).toEqual(["store shop@1.0.0"]);

    tamper(room.data, "DELETE FROM proofs WHERE run_number = 2");
    const hidden = await drift("quick");
    expect(hidden.view.findings).toMatchObject([
      { kind: "store" },
      { kind: "gap", subject: "shop/quick", message: "run 2 has no proof" },
    ]);
    tamper(room.data, "DELETE FROM proofs WHERE run_number = 3");
    expect((await drift("quick")).view.findings.at(-1)!.message).toMatch(
      /^run [-0-9a-f]{36} has ended and has no proof$/,
    );
  });

  it("holds two packages against each other, files and loaded ones, and cannot tell where nothing is known", async () => {
    const { room, terminal, drift, served, ended } = rigged();
    expect(await drift("--packages", "first.cascade", file("second"))).toMatchObject({
      code: 1,
      lines: ["task-code shop/quick/two", "shared rate.ts"],
    });
    expect(await drift("--packages", "first.cascade", "./renamed.cascade")).toMatchObject({ code: 0 });
    expect((await drift("--packages", "first.cascade", "forged.cascade")).lines).toEqual([
      "shared rate.ts",
      "package shop@1.0.0",
    ]);
    expect(await terminal.run("drift", "--packages", "first.cascade")).toMatchObject({ code: 64 });
    expect(await terminal.run("drift", "--packages", "first.cascade", "away.cascade")).toMatchObject({ code: 74 });
    expect(await terminal.run("drift")).toMatchObject({ code: 69 });

    const daemon = await room.start();
    await served(daemon, "1.0.0");
    const { id } = await ended(daemon, "quick");
    expect(await drift("--packages", "shop@1.0.0", "renamed.cascade")).toMatchObject({ code: 0 });
    expect((await drift("--packages", "shop", "second.cascade")).code).toBe(1);
    expect(await terminal.run("drift", "--packages", "shop@9.0.0", "shop")).toMatchObject({ code: 65 });
    expect(await terminal.run("drift", "nothing")).toMatchObject({ code: 65 });
    await daemon.stop();

    // No other place says which program executed a run.
    tamper(room.data, "DELETE FROM proofs");
    expect(await drift("--runs", id, id.slice(-12))).toMatchObject({
      code: 2,
      result: "unknown",
      lines: [`runtime ${id}`, `runtime ${id}`],
    });
    const shown = await terminal.run("drift", "--runs", id, id);
    expect(shown.out).toContain("cannot tell: no proof says which program executed it");
    expect(shown.err).toContain("not everything can be told");
  });
});
