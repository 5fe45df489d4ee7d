import { afterAll, describe, expect, it } from "vitest";
import { testArchive } from "../support/checks.ts";
import { driftBetween } from "../../src/domain/drift.ts";
import { comparedPackage } from "../../src/domain/drift-side.ts";
import { buildPackage } from "../support/build-package.ts";
import { testPackageBuilder } from "../support/package-builder.ts";
import { removeFolder, writePackageFolder } from "../support/package-folder.ts";

const builder = testPackageBuilder();
afterAll(() => builder.close());

const source = (options: string) => `
import { workflow } from "cascaded";
export default workflow("flow"${options}).task("one", () => 1);
`;
const yaml = (options: string) => `name: flow\n${options}tasks: { one: { run: "true" } }\n`;
const archive = testArchive();

describe("a workflow whose starts are logged", () => {
  it.each([
    ["TypeScript", { source: source(", { logStart: true }") }],
    ["YAML", { yaml: yaml("logStart: true\n") }],
  ])("says so in its manifest when it is written in %s", async (_language, content) => {
    const built = await buildPackage(builder, content);
    expect(built.manifest.workflows[0]).toMatchObject({ logStart: true });
    expect(await archive.read(Buffer.from(built.bytes))).toMatchObject({
      kind: "whole",
      content: { manifest: built.manifest },
    });
  });

  it("leaves the manifests of all others as they were", async () => {
    const [plain, off] = [
      await buildPackage(builder, { source: source("") }),
      await buildPackage(builder, { source: source(", { logStart: false }") }),
    ];
    for (const { manifest } of [plain, off]) expect(manifest.workflows[0]).not.toHaveProperty("logStart");
    expect(off.manifest.fingerprint.policies).toBe(plain.manifest.fingerprint.policies);
  });

  it("is another policy than before, and drift names it", async () => {
    const [before, after] = [
      await buildPackage(builder, { source: source("") }),
      await buildPackage(builder, { source: source(", { logStart: true }") }),
    ];
    const { findings } = driftBetween(
      comparedPackage(before.manifest, before.digest),
      comparedPackage(after.manifest, after.digest),
    );
    expect(findings.filter(({ kind }) => kind === "policy")).toMatchObject([
      { subject: "demo/flow", message: "logStart unset → true" },
    ]);
  });

  it.each([
    ["TypeScript", { source: source(', { logStart: "yes" } as never') }, /^FIELD_INVALID workflow\.ts:3/],
    ["YAML", { yaml: yaml("logStart: 1\n") }, /^FIELD_INVALID workflow\.yaml:2/],
  ])("is refused in %s when it is neither true nor false", async (_language, content, mistake) => {
    const folder = writePackageFolder(content);
    try {
      const found = (await builder.inspect(folder)).problems.map(({ code, place }) => `${code} ${place}`);
      expect(found).toEqual([expect.stringMatching(mistake)]);
    } finally {
      await removeFolder(folder);
    }
  });
});
