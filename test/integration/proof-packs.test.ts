import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProofFiles } from "../../src/adapters/filesystem/proof-files.ts";
import { createProofPacker } from "../../src/adapters/filesystem/proof-packer.ts";
import { createProofPacks } from "../../src/adapters/filesystem/proof-packs.ts";
import { createSyncedWriter } from "../../src/adapters/filesystem/synced-writer.ts";
import { proofFilesIn } from "../../src/daemon/proof-reading.ts";
import { proofFileName, startFileName } from "../../src/domain/proof.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { createIds } from "../../src/kernel/ids.ts";
import { tempFolder } from "../support/temp-folder.ts";

const HOUR = 3_600_000;
const noon = Date.UTC(2026, 2, 1, 12);
const never = () => false;

/** As after a restart, when asked again. */
function open(folder: string) {
  const [writer, packs] = [createSyncedWriter(), createProofPacks()];
  return {
    sink: createProofFiles({ folder, writer, packs, crashPoint: noCrashPoint }),
    packer: createProofPacker({ folder, writer, packs }),
  };
}

/** Files of runs that were created at these instants and ended a second later. */
function files(instants: readonly number[]) {
  return instants.map((createdAt, index) => {
    const runId = createIds(
      () => createdAt,
      (size) => Buffer.alloc(size, index),
    ).next();
    return {
      name: proofFileName({ runId, endedAt: createdAt + 1_000 }),
      text: `{"n":${index},"ä":"${"x".repeat(500)}"}\n`,
    };
  });
}

const hours = (count: number, from = noon) => files(Array.from({ length: count }, (_, at) => from + (at * HOUR) / 100));

describe("proof files that are packed", () => {
  it("are read by their names as before, also after a restart, and are not missing", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    const all = hours(250);
    await sink.write(all);
    expect(await packer.pack(noon + 2 * HOUR, never)).toBe(200);
    for (const { sink: reader } of [{ sink }, open(folder)]) {
      for (const { name, text } of all) expect(await reader.read(name)).toBe(text);
      expect(await reader.missing(all.map(({ name }) => name))).toEqual([]);
      expect(await reader.read("2026/03/01/unknown.sigstore.json")).toBeUndefined();
    }
    const day = join(folder, "2026/03/01");
    const packed = readdirSync(day).filter((name) => !name.endsWith(".sigstore.json"));
    expect(packed).toEqual(["12.idx", "12.ndjson.gz", "13.idx", "13.ndjson.gz"]);
    expect(readdirSync(day)).toHaveLength(54);
    expect(await packer.pack(noon + 2 * HOUR, never)).toBe(0);
  });

  it("are those of starts, too, beside those of the ends and never in their place", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    const ends = hours(3);
    const starts = ends.map(({ name }, index) => {
      const id = basename(name, ".sigstore.json");
      return { name: startFileName({ id, createdAt: noon }), text: `{"start":${index}}\n` };
    });
    await sink.write(ends);
    expect(await packer.pack(noon + HOUR, never)).toBe(3);
    expect(await sink.missing(starts.map(({ name }) => name))).toEqual(starts.map(({ name }) => name));
    expect(await sink.read(starts[0]!.name)).toBeUndefined();
    await sink.write(starts);
    expect(await packer.pack(noon + HOUR, never)).toBe(3);
    for (const { name, text } of [...ends, ...starts]) expect(await open(folder).sink.read(name)).toBe(text);
  });

  it("are lines that any program can read", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    const all = hours(100);
    await sink.write(all);
    await packer.pack(noon + HOUR, never);
    const lines = execFileSync("gzip", ["-dc", join(folder, "2026/03/01/12.ndjson.gz")], { encoding: "utf8" });
    expect(lines).toBe(all.map(({ text }) => text).join(""));
    const read: string[] = [];
    for await (const { text } of proofFilesIn(folder)) read.push(text);
    expect(read).toEqual(all.map(({ text }) => text));
  });

  it("wait until their hour is over, and leave alone what is no whole proof of a run", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    const [first, second, ...others] = hours(4);
    await sink.write([first!, second!, ...others, { name: "attestations/a.sigstore.json", text: "{}\n" }]);
    writeFileSync(join(folder, first!.name), "");
    writeFileSync(join(folder, second!.name), "two\nlines\n");
    expect(await packer.pack(noon + HOUR - 1, never)).toBe(0);
    expect(await packer.pack(noon + HOUR, never)).toBe(2);
    expect(readFileSync(join(folder, first!.name), "utf8")).toBe("");
    expect(existsSync(join(folder, second!.name))).toBe(true);
    expect(existsSync(join(folder, "attestations/a.sigstore.json"))).toBe(true);
  });

  it("that come late get a further pack of their hour", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    const [late, ...others] = hours(3);
    await sink.write(others);
    await packer.pack(noon + HOUR, never);
    await sink.write([late!]);
    expect(await packer.pack(noon + HOUR, never)).toBe(1);
    expect(readdirSync(join(folder, "2026/03/01"))).toEqual(["12.2.idx", "12.2.ndjson.gz", "12.idx", "12.ndjson.gz"]);
    for (const { name, text } of [late!, ...others]) expect(await sink.read(name)).toBe(text);
  });

  it("survive a crash at each step: a pack without its index is made again, a packed file that is still there goes", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    const all = hours(3);
    await sink.write(all);
    await packer.pack(noon + HOUR, never);
    const day = join(folder, "2026/03/01");
    // Before the removal.
    await sink.write(all);
    expect(await open(folder).packer.pack(noon + HOUR, never)).toBe(3);
    expect(readdirSync(day)).toEqual(["12.idx", "12.ndjson.gz"]);
    // Before the index.
    rmSync(join(day, "12.idx"));
    const again = open(folder);
    await again.sink.write(all);
    expect(await again.packer.pack(noon + HOUR, never)).toBe(3);
    expect(readdirSync(day)).toEqual(["12.idx", "12.ndjson.gz"]);
    for (const { name, text } of all) expect(await again.sink.read(name)).toBe(text);
    // Someone has changed a file that is packed: neither is thrown away.
    await again.sink.write([{ ...all[0]!, text: "other\n" }]);
    expect(await again.packer.pack(noon + HOUR, never)).toBe(0);
    expect(readFileSync(join(folder, all[0]!.name), "utf8")).toBe("other\n");
  });

  it("stop between packs when they are told to", async () => {
    const folder = tempFolder();
    const { sink, packer } = open(folder);
    await sink.write(hours(300));
    let asked = 0;
    expect(await packer.pack(noon + 3 * HOUR, () => ++asked > 2)).toBe(100);
  });
});
