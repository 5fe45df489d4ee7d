import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import type { AnchorView } from "../../src/app/views.ts";
import { type NoteKey, formatVkey } from "../../src/proofs/tlog/note.ts";
import { parseTrustedRoot } from "../../src/proofs/trusted-root.ts";
import { anvilProgram, startAnvil } from "../support/anvil.ts";
import { testTerminal } from "../support/cli-io.ts";
import type { DaemonProcess } from "../support/daemon-process.ts";
import { eventually } from "../support/eventually.ts";
import { httpDouble, refusedUrl } from "../support/http-double.ts";
import { lifePackages } from "../support/life-packages.ts";
import { type LifeRoom, lifeRoom } from "../support/life-room.ts";
import { rekorDouble } from "../support/rekor-double.ts";
import { skipsAllowed } from "../support/skipping.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { timeAuthority } from "../support/time-authority.ts";
import { witnessDouble } from "../support/witness-double.ts";

const files = lifePackages();
const anvil = anvilProgram();
if (!anvil) console.warn("skipped: there is no anvil for this host");

const table = (name: string, kind: string, keys: Readonly<Record<string, string | number | readonly string[]>>) =>
  `[[anchor]]\nname = "${name}"\nkind = "${kind}"\n` +
  Object.entries(keys)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join("");

/** A data folder whose log is open already, so that others can know its key; and the file of its anchors. */
async function openedRoom() {
  const folder = tempFolder();
  const anchorsFile = join(folder, "anchors.toml");
  writeFileSync(anchorsFile, "");
  const room = lifeRoom([files.life], `tlog.anchors = ${JSON.stringify(anchorsFile)}\n`);
  const daemon = await room.start();
  await proven(room, daemon);
  await daemon.stop();
  const root = readFileSync(join(room.data, "keys/trusted_root.json"), "utf8");
  const terminal = testTerminal(folder, { environment: { CASCADE_DATA: room.data } });
  return {
    room,
    folder,
    log: parseTrustedRoot(root)[0]!,
    terminal,
    anchor: (text: string) => writeFileSync(anchorsFile, text),
  };
}

/** Runs something and waits for its proof. */
async function proven(room: LifeRoom, daemon: DaemonProcess): Promise<string> {
  const { id } = await daemon.client.startRun({ workflow: "quick", params: {} });
  await room.end(daemon, id);
  await eventually(async () => (await daemon.client.proof(id)).tlog !== null);
  return id;
}

function policyIn(folder: string, witness: { vkey: string; url: string }): string {
  const path = join(folder, "policy.txt");
  writeFileSync(path, `witness w ${witness.vkey} ${witness.url}\nquorum w\n`);
  return path;
}

const seen = (anchors: readonly AnchorView[]) => anchors.map(({ name, state, lag }) => `${name} ${state} ${lag}`);

describe("a daemon with anchors of every kind", () => {
  it.skipIf(!anvil && skipsAllowed)("has its heads seen, and a stranger checks that offline", async () => {
    const { room, folder, log, terminal, anchor } = await openedRoom();
    const [authority, witness, rekor] = [await timeAuthority(), await witnessDouble(log), await rekorDouble()];
    const chain = await startAnvil(anvil!);
    const every = "1s";
    const config = [
      table("time", "tsa", { url: authority.url, ca: authority.caFile, every }),
      table("witnesses", "witness", { policy: policyIn(folder, witness), every }),
      table("rekor", "rekor", { url: rekor.url, log: formatVkey(rekor.log.key), every }),
      table("chain", "evm", {
        rpc: chain.url,
        chain_id: 31_337,
        key: chain.keyFile,
        confirmations: 1,
        poll: "100ms",
        every,
      }),
      table("copy", "exec", { command: ["cat"], every }),
    ].join("");
    anchor(config);
    const daemon = await room.start();
    const run = await proven(room, daemon);

    const asked = await terminal.run("tlog", "anchor", "--wait", "--json");
    expect({ code: asked.code, anchors: seen(JSON.parse(asked.out)) }).toEqual({
      code: 0,
      anchors: ["chain", "copy", "rekor", "time", "witnesses"].map((name) => `${name} anchored 0`),
    });
    const shown = await terminal.run("tlog", "status");
    expect(shown.out).toMatch(/^time +tsa +anchored +\d+ +0 /m);
    expect((await daemon.client.proof(run)).state).toBe("anchored");
    expect((await daemon.client.status()).warnings).toEqual([]);
    expect(await terminal.run("tlog", "anchor", "--name", "nobody")).toMatchObject({ code: 65, out: "" });
    expect((await daemon.stop()).code).toBe(0);
    expect(room.logged("anchor.failed")).toEqual([]);
    expect(JSON.stringify(room.logged("anchor.anchored"))).not.toContain("127.0.0.1");

    const all = "witness,rekor,evm,tsa,exec";
    const inside = await terminal.run("verify", run, "--require", all, "--anchors", "anchors.toml", "--json");
    const statuses = (out: string) =>
      JSON.parse(out).findings.flatMap(({ check, status }: Record<string, string>) =>
        all.includes(check!) ? [`${check} ${status}`] : [],
      );
    const offline = ["witness passed", "rekor passed", "evm unknown", "tsa passed", "exec unknown"];
    expect(statuses(inside.out)).toEqual(offline);
    expect(inside.code).toBe(2);

    const exported = join(folder, "proof");
    expect((await terminal.run("proof", "export", run, "-o", exported)).code).toBe(0);
    renameSync(room.data, `${room.data}-away`);
    onTestFinished(() => rmSync(`${room.data}-away`, { recursive: true, force: true }));
    // A stranger has neither the data folder nor addresses: only whom to trust.
    const trust = join(exported, "trust.toml");
    writeFileSync(trust, config.replaceAll(/^(url|key|rpc) = .*\n/gm, ""));
    const stranger = testTerminal(exported, { environment: {} });
    const trusting = ["--key", "proof.pub.pem", "--trusted-root", "trusted_root.json", "--anchors", "trust.toml"];
    const check = (...more: string[]) => stranger.run("verify", `${run}.sigstore.json`, ...trusting, "--json", ...more);
    expect(statuses((await check("--require", all)).out)).toEqual(offline);
    expect(await check("--require", "witness,rekor,tsa")).toMatchObject({ code: 0 });
    expect(statuses((await check("--require", "evm", "--rpc", chain.url)).out)).toEqual(["evm passed"]);
    expect(statuses((await check("--require", "evm", "--rpc", await refusedUrl())).out)).toEqual(["evm unknown"]);
    const wholeFolder = await stranger.run("verify", ".", ...trusting, "--require", "rekor");
    expect(wholeFolder).toMatchObject({ code: 0, err: "" });

    const [size] = readdirSync(join(exported, "anchors"));
    const kept = (name: string) => join(exported, "anchors", size!, name);
    expect(authority.openssl(readFileSync(kept("time.tsr")), readFileSync(kept("checkpoint"), "utf8"))).toBe(
      "Verification: OK",
    );
    const path = readdirSync(join(exported, "anchors", size!)).find((name) => name.endsWith(".path"))!;
    const spoiled: [string, (text: string) => string, string, string][] = [
      ["witnesses.note", (text) => text.replace(/.{8}\n$/, "AAAAAAA=\n"), "witness", "failed"],
      ["rekor.sigstore.json", (text) => text.replace(/"signature":"..../, '"signature":"AAAA'), "rekor", "failed"],
      ["time.tsr", () => "", "tsa", "failed"],
      ["chain.json", (text) => text.replace("0x4353434401", "0x4353434400"), "evm", "failed"],
      ["checkpoint", (text) => text.replace(/\n(\d+)\n/, "\n9$1\n"), "tsa", "failed"],
      [path, (text) => text.replace(/"path":\[.*\]/, '"path":["AAAA"]'), "tsa", "failed"],
    ];
    for (const [name, change, kind, status] of spoiled) {
      const before = readFileSync(kept(name));
      writeFileSync(kept(name), change(before.toString("utf8")));
      expect(statuses((await check("--require", kind)).out), name).toEqual([`${kind} ${status}`]);
      writeFileSync(kept(name), before);
    }
    rmSync(kept(path));
    expect(statuses((await check("--require", "tsa")).out)).toEqual(["tsa unknown"]);
    rmSync(join(exported, "anchors"), { recursive: true });
    expect(statuses((await check("--require", "tsa")).out)).toEqual(["tsa unknown"]);
    expect(await check("--require", "tas")).toMatchObject({ code: 64 });
    expect(await check("--rpc", chain.url)).toMatchObject({ code: 64 });
  });
});

describe("anchors that are down, slow or hostile", () => {
  it("delay no run, no proof, no good anchor and no stop", async () => {
    const { room, folder, log, anchor } = await openedRoom();
    const [slow, hostile, good] = [
      await httpDouble(() => "never"),
      await httpDouble(() => ({ body: "x".repeat(1e6) })),
      await witnessDouble(log),
    ];
    const vkey = formatVkey(log);
    anchor(
      [
        table("down", "rekor", { url: await refusedUrl(), log: vkey, every: "1s" }),
        table("slow", "rekor", { url: slow.url, log: vkey, every: "1s" }),
        table("hostile", "rekor", { url: hostile.url, log: vkey, every: "1s" }),
        table("stuck", "exec", { command: ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"], every: "1s" }),
        table("good", "witness", { policy: policyIn(folder, good), every: "1s" }),
      ].join(""),
    );
    const daemon = await room.start();
    for (let count = 0; count < 3; count++) await proven(room, daemon);
    await eventually(async () => {
      const { anchors } = await daemon.client.tlog();
      expect(anchors.map(({ name, state }) => `${name} ${state}`)).toEqual([
        "down failed",
        "good anchored",
        "hostile failed",
        "slow waiting",
        "stuck waiting",
      ]);
    });
    const warnings = (await daemon.client.status()).warnings.join("\n");
    expect(warnings).toMatch(/anchor down has not seen the newest head: http:\/\/127\.0\.0\.1:\d+ cannot be reached/);
    expect(warnings).toMatch(/anchor hostile .* answered with more than 65536 bytes/);
    const stopping = Date.now();
    expect(await daemon.stop()).toMatchObject({ code: 0 });
    expect(Date.now() - stopping).toBeLessThan(5_000);
  });
});

describe("a witness that has seen more than an old copy of the data folder holds", () => {
  it("has nothing more signed, while runs go on", async () => {
    const { room, folder, log, anchor } = await openedRoom();
    const witness = await witnessDouble(log satisfies NoteKey);
    anchor(table("witnesses", "witness", { policy: policyIn(folder, witness), every: "1s" }));
    // The home of this daemon is in its data folder: the copy takes the mark outside of it along, too.
    cpSync(room.data, join(folder, "old"), { recursive: true, filter: (path) => !path.endsWith(".sock") });
    const first = await room.start();
    await proven(room, first);
    await proven(room, first);
    const { size } = await first.client.tlog();
    await eventually(() => witness.seen?.size === size, { timeoutMs: 20_000 });
    await first.stop();

    for (const name of readdirSync(room.data)) rmSync(join(room.data, name), { recursive: true });
    cpSync(join(folder, "old"), room.data, { recursive: true });
    const daemon = await room.start();
    await eventually(async () => (await daemon.client.status()).tlog.state === "refused", { timeoutMs: 20_000 });
    expect((await daemon.client.status()).tlog.error).toMatchObject({ code: "TLOG_ROLLED_BACK" });
    const { id } = await daemon.client.startRun({ workflow: "quick", params: {} });
    expect((await room.end(daemon, id)).state).toBe("succeeded");
    expect((await daemon.client.proof(id)).tlog).toBeNull();
    await daemon.stop();
    expect(existsSync(join(room.data, "cascade.db"))).toBe(true);
  });
});
