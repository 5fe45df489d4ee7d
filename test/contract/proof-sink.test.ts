import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProofFiles } from "../../src/adapters/filesystem/proof-files.ts";
import { createProofPacks } from "../../src/adapters/filesystem/proof-packs.ts";
import { createSyncedWriter } from "../../src/adapters/filesystem/synced-writer.ts";
import { proofFileName } from "../../src/domain/proof.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { createMemoryProofSink } from "../support/memory-proof-sink.ts";
import { tempFolder } from "../support/temp-folder.ts";
import { proofSinkContract } from "./proof-sink.ts";

const writer = createSyncedWriter();

proofSinkContract("files", () =>
  createProofFiles({
    folder: join(tempFolder(), "proofs"),
    writer,
    packs: createProofPacks(),
    crashPoint: noCrashPoint,
  }),
);
proofSinkContract("memory", createMemoryProofSink);

describe("proof files", () => {
  const proof = { runId: "01890a5d-ac96-774b-bcce-b302099a8057", endedAt: Date.UTC(2026, 2, 1, 23, 59, 59, 999) };
  const file = `2026/03/01/${proof.runId}.sigstore.json`;

  it("lie in a folder per UTC day, readable for their owner alone, with nothing beside them", async () => {
    const folder = tempFolder();
    await createProofFiles({ folder, writer, packs: createProofPacks(), crashPoint: noCrashPoint }).write([
      { name: file, text: "text" },
    ]);
    expect(proofFileName(proof)).toBe(file);
    expect(readdirSync(join(folder, "2026/03/01"))).toEqual([`${proof.runId}.sigstore.json`]);
    expect(statSync(join(folder, file)).mode & 0o777).toBe(0o600);
    expect(proofFileName({ ...proof, endedAt: proof.endedAt + 1 })).toContain("2026/03/02/");
  });

  it("leave an equal file alone", async () => {
    const folder = tempFolder();
    const sink = createProofFiles({ folder, writer, packs: createProofPacks(), crashPoint: noCrashPoint });
    await sink.write([{ name: file, text: "text" }]);
    const before = statSync(join(folder, file));
    await sink.write([{ name: file, text: "text" }]);
    expect(statSync(join(folder, file)).ino).toBe(before.ino);
  });

  it("are not there before they are whole, and are written over what a crash left behind", async () => {
    const folder = tempFolder();
    const seen: string[][] = [];
    const crash = () => {
      seen.push(readdirSync(join(folder, "2026/03/01")));
      throw new Error("the daemon died here");
    };
    const dying = createProofFiles({ folder, writer, packs: createProofPacks(), crashPoint: crash });
    await expect(dying.write([{ name: file, text: "a longer text than the next" }])).rejects.toThrow("died here");
    expect(seen).toEqual([[`${proof.runId}.sigstore.json.tmp`]]);
    const sink = createProofFiles({ folder, writer, packs: createProofPacks(), crashPoint: noCrashPoint });
    expect(await sink.missing([file])).toEqual([file]);
    await sink.write([{ name: file, text: "text" }]);
    expect(readdirSync(join(folder, "2026/03/01"))).toEqual([`${proof.runId}.sigstore.json`]);
    expect(readFileSync(join(folder, file), "utf8")).toBe("text");
  });

  it("say IO_FAILED when their place is taken by something else", async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "2026"), "");
    const sink = createProofFiles({ folder, writer, packs: createProofPacks(), crashPoint: noCrashPoint });
    const refused = expect.objectContaining({ code: "IO_FAILED" });
    await expect(sink.write([{ name: file, text: "text" }])).rejects.toThrow(refused);
    const other = "2027/01/01/run.sigstore.json";
    mkdirSync(join(folder, other), { recursive: true });
    await expect(sink.read(other)).rejects.toThrow(refused);
  });
});
