import BetterSqlite3 from "better-sqlite3";
import { createHash, createPrivateKey, sign } from "node:crypto";
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { paeOf } from "../../src/domain/dsse.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { testTerminal } from "../support/cli-io.ts";
import { packTo } from "../support/built-program.ts";
import { lifePackages } from "../support/life-packages.ts";
import { logRoom } from "../support/log-room.ts";
import type { Parsed } from "../support/parsed.ts";

// Every test here is a row of docs/threat-model.md, and plays whoever that row is about.

const files = lifePackages();
const folder = mkdtempSync(join(tmpdir(), "cascade-attackers-"));
const thief = join(folder, "thief-1.0.0.cascade");
const secretive = join(folder, "secretive-1.0.0.cascade");

beforeAll(async () => {
  await packTo(thief, {
    name: "thief",
    source: `
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { workflow } from "cascaded";
const below = (folder: string) => readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
export default workflow("thief").task("steal", ({ params }) => {
  const { data } = params as { data: string };
  const proof = below(join(data, "proofs")).find((name) => /\\d{4}.*\\.sigstore\\.json$/.test(name))!;
  writeFileSync(proof, readFileSync(proof, "utf8").replace('"sig":"', '"sig":"A'));
  const tile = below(join(data, "tlog/tile/0")).findLast((name) => /\\.p\\/\\d+$/.test(name))!;
  const bytes = readFileSync(tile);
  bytes[5]! ^= 1;
  writeFileSync(tile, bytes);
  return { environment: Object.keys(process.env).sort(), arguments: process.argv.slice(2), proof, tile };
});
`,
  });
  await packTo(secretive, {
    name: "secretive",
    source: `
import { workflow } from "cascaded";
export default workflow("merger-with-initech").task("transfer-funds", ({ params }) => ({ was: params }));
`,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const payloadOf = (bundle: Parsed): string => Buffer.from(bundle.dsseEnvelope.payload, "base64").toString("utf8");

describe("task code, which has the rights of the daemon's user", () => {
  it("is found when it edits proofs and tiles, and is told nothing that a signer needs", async () => {
    const room = logRoom([files.life, thief]);
    const daemon = await room.start({ SSH_AUTH_SOCK: "/run/agent", SIGNER_TOKEN: "t0ken" });
    await room.prove(daemon);
    const { id } = await daemon.client.startRun({ workflow: "thief", params: { data: room.data } });
    const [task] = (await room.end(daemon, id)).tasks;
    expect(task!.state).toBe("succeeded");
    const stolen = task!.output as unknown as Record<"environment" | "arguments", string[]> & { proof: string };
    await daemon.stop();
    // These and no more: nothing of the daemon's own environment, such as an agent's socket.
    expect(stolen.environment.filter((name) => !name.startsWith("CASCADE_"))).toEqual(["HOME", "PATH", "TMPDIR", "TZ"]);
    expect(stolen.arguments.join(" ")).not.toMatch(/pem|key/i);
    expect(room.cascade("verify", stolen.proof).status).toBe(1);
    expect(room.cascade("tlog", "fsck")).toMatchObject({
      status: 1,
      out: expect.stringMatching(/failed\s+(tiles|files)/),
    });
  });
});

describe("an operator with the key of proofs and not that of the log", () => {
  it("cannot make a run that never ran: no place in the log is its own, and a borrowed one is another's", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    await room.prove(daemon);
    const run = await room.prove(daemon);
    await daemon.stop();
    const bundle: Parsed = JSON.parse(readFileSync(room.fileOf(run), "utf8"));
    const statement: Parsed = JSON.parse(payloadOf(bundle));
    statement.predicate.outcome.runNumber = 3;
    statement.predicate.outcome.previousProof = createHash("sha256").update(payloadOf(bundle)).digest("hex");
    statement.predicate.runDetails.metadata.invocationId = "01890a5d-ac96-774b-bcce-b302099a8057";
    const payload = Buffer.from(canonicalJson(statement));
    const key = createPrivateKey(readFileSync(join(room.data, "keys/proof.pem")));
    const signature = sign("sha256", paeOf("application/vnd.in-toto+json", payload), key);
    bundle.dsseEnvelope.payload = payload.toString("base64");
    bundle.dsseEnvelope.signatures[0].sig = signature.toString("base64");
    const forged = join(room.data, "forged.sigstore.json");
    const verify = () => room.cascade("verify", forged, "--key", join(room.data, "keys/proof.pub.pem"));

    writeFileSync(forged, `${canonicalJson(bundle)}\n`);
    expect(verify()).toMatchObject({ status: 1, out: expect.stringMatching(/failed\s+leaf/) });
    bundle.verificationMaterial.tlogEntries = [];
    writeFileSync(forged, `${canonicalJson(bundle)}\n`);
    expect(verify()).toMatchObject({ status: 2, out: expect.stringMatching(/unknown\s+leaf/) });
    copyFileSync(forged, join(dirname(room.fileOf(run)), "01890a5d-ac96-774b-bcce-b302099a8057.sigstore.json"));
    expect(room.cascade("verify", join(room.data, "proofs")).status).toBe(2);
  });
});

describe("an operator with both keys", () => {
  it("is found when the log is made anew without its last run: by a head, and by a proof file, that somebody kept", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const runs = [await room.prove(daemon), await room.prove(daemon), await room.prove(daemon)];
    await daemon.stop();
    const head = join(dirname(room.config), "head-of-monday");
    writeFileSync(head, room.cascade("tlog", "head").out);
    const kept = join(dirname(room.config), "kept");
    cpSync(dirname(room.fileOf(runs[2]!)), kept, { recursive: true });

    // Everything that this machine remembers of the third run and of the log's heads goes; both keys stay.
    const db = new BetterSqlite3(join(room.data, "cascade.db"));
    db.exec(`
      DELETE FROM statements WHERE id = (SELECT statement_id FROM proofs WHERE run_id = '${runs[2]}');
      DELETE FROM proofs WHERE run_id = '${runs[2]}';
      DELETE FROM tlog_heads;
      UPDATE written_files SET through = 0, synced = 0;
    `);
    db.close();
    for (const name of ["tlog", "proofs"]) rmSync(join(room.data, name), { recursive: true });
    rmSync(room.cache, { recursive: true });
    const again = await room.start();
    await room.prove(again);
    // Everything that is left agrees with itself.
    expect(room.cascade("tlog", "fsck")).toMatchObject({ status: 0 });
    expect(room.cascade("verify", join(room.data, "proofs"))).toMatchObject({ status: 0 });

    expect(room.cascade("tlog", "consistency", head, "4")).toMatchObject({
      status: 65,
      err: expect.stringContaining("TLOG_FORKED"),
    });
    cpSync(kept, join(dirname(room.fileOf(runs[0]!)), "kept"), { recursive: true });
    expect(room.cascade("verify", join(room.data, "proofs"))).toMatchObject({
      status: 1,
      out: expect.stringMatching(/are both leaf \d+/),
    });
    await again.stop();
  });
});

describe("drift of the transparency log", () => {
  const linesOf = (drift: { out: string }) => {
    const { findings, unknown } = JSON.parse(drift.out) as Record<string, { kind: string; subject: string }[]>;
    return [...findings!, ...unknown!].map(({ kind, subject }) => `${kind} ${subject}`);
  };

  it("tells of a statement that lost its leaf, a leaf that lost its statement, and a file without a leaf", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const runs = [await room.prove(daemon), await room.prove(daemon)];
    const drift = () => room.cascade("drift", "--json");
    expect({ ...drift(), out: linesOf(drift()) }).toMatchObject({ status: 0, out: [] });
    await daemon.stop();
    expect(linesOf(drift())).toEqual([]);

    const stranger = join(dirname(room.fileOf(runs[0]!)), "01890a5d-ac96-774b-bcce-b302099a8057.sigstore.json");
    const bundle: Parsed = JSON.parse(readFileSync(room.fileOf(runs[0]!), "utf8"));
    bundle.verificationMaterial.tlogEntries = [];
    writeFileSync(stranger, `${canonicalJson(bundle)}\n`);
    const name = stranger.slice(join(room.data, "proofs").length + 1);
    expect({ ...drift(), out: linesOf(drift()) }).toMatchObject({ status: 1, out: [`unlogged proofs/${name}`] });
    rmSync(stranger);

    const db = new BetterSqlite3(join(room.data, "cascade.db"));
    db.prepare("DELETE FROM statements WHERE id = (SELECT statement_id FROM proofs WHERE run_id = ?)").run(runs[1]);
    db.close();
    const { origin } = JSON.parse(room.cascade("tlog", "status", "--json").out) as { origin: string };
    expect(linesOf(drift())).toContain(`unlogged ${origin}/2`);
  });

  it("tells of a fork, and of an older copy, by what is remembered outside of the data folder", async () => {
    const room = logRoom([files.life]);
    const cache = { environment: { XDG_CACHE_HOME: room.cache } };
    const daemon = await room.start();
    await room.prove(daemon);
    await daemon.stop();
    const restore = room.backUp();
    const told = await room.start();
    await room.prove(told);
    await told.stop();
    const drift = () => testTerminal(room.data, cache).run("drift", "--data", room.data, "--json");
    const { origin } = JSON.parse(room.cascade("tlog", "status", "--json").out) as { origin: string };
    expect(await drift()).toMatchObject({ code: 0 });

    restore();
    const older = await drift();
    expect({ code: older.code, lines: linesOf(older) }).toEqual({ code: 1, lines: [`fork ${origin}`] });
    expect(older.out).toContain("this is an older copy");

    // The operator sees to it that this daemon remembers nothing, and goes on from the copy.
    const forked = await room.start({ XDG_CACHE_HOME: join(dirname(room.config), "empty") });
    await room.prove(forked);
    await forked.stop();
    const fork = await drift();
    expect({ code: fork.code, lines: linesOf(fork) }).toEqual({ code: 1, lines: [`fork ${origin}`] });
    expect(fork.out).toContain("is of other leaves than its own");
  });
});

describe("drift of the transparency log from what anchors have seen", () => {
  it("tells of an older copy and of a fork, and cannot tell when what the newest receipt is over is gone", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    await room.prove(daemon);
    await daemon.stop();
    const restore = room.backUp();
    const told = await room.start();
    await room.prove(told);
    await told.stop();
    const checkpoint = readFileSync(join(room.data, "tlog/checkpoint"), "utf8");
    const [origin, size] = checkpoint.split("\n");

    restore();
    // Nothing is remembered outside of the data folder here: only receipts are.
    const nothing = { XDG_CACHE_HOME: join(dirname(room.config), "empty") };
    const terminal = testTerminal(dirname(room.config), { environment: nothing });
    const drift = async () => {
      const { code, out } = await terminal.run("drift", "--data", room.data, "--json");
      const { findings, unknown } = JSON.parse(out) as Record<string, Record<"kind" | "subject" | "message", string>[]>;
      const found = [...findings!, ...unknown!];
      return { code, lines: found.map(({ kind, subject }) => `${kind} ${subject}`), message: found[0]?.message };
    };
    expect(await drift()).toMatchObject({ code: 0, lines: [] });
    const receipts = join(room.data, "tlog-anchors", origin!, size!);
    mkdirSync(receipts, { recursive: true });
    writeFileSync(join(receipts, "checkpoint"), checkpoint);
    writeFileSync(join(receipts, "time.tsr"), "");
    const older = await drift();
    expect(older).toMatchObject({ code: 1, lines: [`fork ${origin}`] });
    expect(older.message).toMatch(/^tlog-anchors \(time\) has a signed head of \d+ leaves, .*: this is an older copy$/);
    // Whoever has no key of the log can make nobody believe in a fork.
    writeFileSync(join(receipts, "checkpoint"), checkpoint.replace(/.{9}\n$/, "AAAAAAAA=\n"));
    expect(await drift()).toMatchObject({ code: 0, lines: [] });
    writeFileSync(join(receipts, "checkpoint"), checkpoint);

    const forked = await room.start(nothing);
    await room.prove(forked);
    await forked.stop();
    const fork = await drift();
    expect(fork).toMatchObject({ code: 1, lines: [`fork ${origin}`] });
    expect(fork.message).toContain("in tlog-anchors (time) is of other leaves than its own");

    const db = new BetterSqlite3(join(room.data, "cascade.db"));
    db.prepare("INSERT INTO anchors VALUES (?, 'time', ?, 'tsa', 'anchored', 0, 0, NULL, 'null', 'gone', NULL)").run(
      origin,
      Number(size),
    );
    db.close();
    expect(await drift()).toEqual(fork);
    // The daemon's own memory of a head of that size does not stand in for the receipt.
    const lost = { code: 2, lines: [`fork ${origin}`] };
    writeFileSync(join(receipts, "checkpoint"), checkpoint.replace(/.{9}\n$/, "AAAAAAAA=\n"));
    expect(await drift()).toMatchObject(lost);
    rmSync(receipts, { recursive: true });
    const gone = await drift();
    expect(gone).toMatchObject(lost);
    expect(gone.message).toMatch(/^the head of \d+ leaves that the anchor time has seen is not kept$/);
  });
});

describe("a reader of the published log", () => {
  it("learns counts and times, and nothing of what ran", async () => {
    const room = logRoom([secretive]);
    const daemon = await room.start();
    const run = await room.prove(daemon, "written", {
      workflow: "secretive/merger-with-initech",
      params: { price: "forty-two million" },
    });
    await daemon.stop();
    const proof: Parsed = JSON.parse(payloadOf(JSON.parse(readFileSync(room.fileOf(run), "utf8"))));
    const { outputDigest, inputDigest } = proof.predicate.tasks[0];
    const tlog = join(room.data, "tlog");
    const published = readdirSync(tlog, { recursive: true, encoding: "utf8" })
      .filter((name) => statSync(join(tlog, name)).isFile())
      .map((name) => readFileSync(join(tlog, name), "latin1"))
      .join("\n");
    const digests = [outputDigest, inputDigest, proof.predicate.buildDefinition.externalParameters.paramsDigest];
    const told = [run, "secretive", "initech", "transfer", "forty-two", ...digests];
    const spellings = told.flatMap((text: string) => {
      const bytes = /^[0-9a-f]{64}$/.test(text) ? Buffer.from(text, "hex") : Buffer.from(text);
      return [text, bytes.toString("base64").replace(/=+$/, ""), bytes.toString("latin1")];
    });
    expect(published).toContain("hashedrekord");
    for (const spelling of spellings) expect(published).not.toContain(spelling);
  });
});

describe("an attacker of the parser", () => {
  const nested = "[".repeat(200_000);
  const hostile: [string, (bundle: string) => string | Buffer][] = [
    ["nothing", () => ""],
    ["no JSON", (bundle) => bundle.slice(1)],
    ["half of it", (bundle) => bundle.slice(0, bundle.length / 2)],
    ["brackets without end", () => nested],
    ["brackets in a field", (bundle) => bundle.replace('"hashes":[', `"hashes":[${nested}${"]".repeat(200_000)},`)],
    ["a key twice", (bundle) => bundle.replace('{"dsseEnvelope"', '{"mediaType":"x","dsseEnvelope"')],
    ["a key of all objects", (bundle) => bundle.replace('{"dsseEnvelope"', '{"__proto__":{"a":1},"dsseEnvelope"')],
    ["a number where text belongs", (bundle) => bundle.replace(/"logIndex":"(\d+)"/, '"logIndex":$1')],
    ["a huge index", (bundle) => bundle.replace(/"logIndex":"\d+"/g, `"logIndex":"${"9".repeat(400)}"`)],
    ["a negative size", (bundle) => bundle.replace(/"treeSize":"/, '"treeSize":"-')],
    ["another alphabet of base64", (bundle) => bundle.replace(/\+/, "-")],
    ["base64 with spaces", (bundle) => bundle.replace('"payload":"', '"payload":" ')],
    ["a path without end", (bundle) => bundle.replace('"hashes":[', `"hashes":[${'"AAAA",'.repeat(100_000)}`)],
    ["a note of megabytes", (bundle) => bundle.replace('"envelope":"', `"envelope":"${"a\\n".repeat(2_000_000)}`)],
    ["bytes that are no text", (bundle) => Buffer.concat([Buffer.from(bundle), Buffer.from([0xff, 0xfe, 0x00])])],
    ["an order mark before it", (bundle) => `\uFEFF${bundle}`],
  ];

  it("is refused in a moment, whatever the file holds", async () => {
    const room = logRoom([files.life]);
    const daemon = await room.start();
    const run = await room.prove(daemon);
    await daemon.stop();
    const bundle = readFileSync(room.fileOf(run), "utf8");
    const path = join(room.data, "hostile.sigstore.json");
    for (const [what, spoil] of hostile) {
      writeFileSync(path, spoil(bundle));
      const { status, out, err } = room.cascade("verify", path);
      expect({ what, status, out: out.slice(0, 200), err }).toMatchObject({ what, status: 1, err: "" });
    }
  });
});
