import { afterAll, describe, expect, it } from "vitest";
import { testArchive } from "../support/checks.ts";
import { driftBetween } from "../../src/domain/drift.ts";
import { comparedPackage } from "../../src/domain/drift-side.ts";
import { buildPackage } from "../support/build-package.ts";
import { testPackageBuilder } from "../support/package-builder.ts";
import { removeFolder, writePackageFolder } from "../support/package-folder.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

const source = (options: string, task = "") => `
import { workflow } from "cascaded";
export default workflow("flow"${options}).task("one"${task}, () => 1).task("two", () => 2);
`;
const pack = (options: string, task?: string) => buildPackage(builder, { source: source(options, task) });

async function mistakesOf(content: Parameters<typeof writePackageFolder>[0]) {
  const folder = writePackageFolder(content);
  try {
    return (await builder.inspect(folder)).problems.map(({ code, place }) => `${code} ${place}`);
  } finally {
    await removeFolder(folder);
  }
}

describe("a recorded workflow", () => {
  it("says so in its manifest, and its tasks what their authors wrote", async () => {
    const built = await pack(", { record: true }", ', { effects: "pure" }');
    const [flow] = built.manifest.workflows;
    expect(flow).toMatchObject({ record: true, tasks: [{ effects: "pure" }, { name: "two" }] });
    expect(flow!.tasks[1]).not.toHaveProperty("effects");
    const reading = await testArchive().read(Buffer.from(built.bytes));
    expect(reading).toMatchObject({ kind: "whole", content: { manifest: built.manifest } });
  });

  it("leaves the manifests of all others as they were", async () => {
    const [plain, off] = [await pack(""), await pack(", { record: false }")];
    for (const { manifest } of [plain, off]) {
      expect(manifest.workflows[0]).not.toHaveProperty("record");
      expect(manifest.workflows[0]!.tasks[0]).not.toHaveProperty("effects");
    }
    expect(off.manifest.fingerprint.policies).toBe(plain.manifest.fingerprint.policies);
  });

  it("is another policy than before, and drift names it", async () => {
    const [before, after] = [
      await pack(", { record: true }"),
      await pack(", { record: true }", ', { effects: "pure" }'),
    ];
    const plain = await pack("");
    const drift = (one: typeof before, other: typeof before) =>
      driftBetween(
        comparedPackage(one.manifest, one.digest),
        comparedPackage(other.manifest, other.digest),
      ).findings.filter(({ kind }) => kind === "policy");
    expect(drift(plain, before)).toMatchObject([{ subject: "demo/flow", message: "record unset → true" }]);
    expect(drift(before, after)).toMatchObject([{ subject: "demo/flow/one", message: 'effects unset → "pure"' }]);
  });

  it("cannot be one of commands, nor say what means nothing", async () => {
    const wrong = await mistakesOf({
      source: source(', { record: "yes" } as never', ', { effects: "maybe" } as never'),
    });
    expect(wrong).toEqual([
      expect.stringMatching(/^FIELD_INVALID workflow\.ts:3/),
      expect.stringMatching(/^FIELD_INVALID workflow\.ts:3/),
    ]);
    expect(await mistakesOf({ source: source("", ', { effects: "pure" }') })).toEqual([
      expect.stringMatching(/^FIELD_INVALID workflow\.ts:3/),
    ]);
    expect(await mistakesOf({ yaml: "name: flow\nrecord: true\ntasks: { one: { run: 'true' } }\n" })).toEqual([
      expect.stringMatching(/^FIELD_UNKNOWN /),
    ]);
  });
});
