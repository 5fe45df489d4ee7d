import { execFileSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { listFolder } from "../../src/adapters/filesystem/folder-listing.ts";
import { whyPassedOver } from "../../src/adapters/filesystem/why-passed-over.ts";
import { contentVersion } from "../../src/domain/package-file.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { testArchive, testChecks } from "../support/checks.ts";
import { testPackageBuilder } from "../support/package-builder.ts";
import { tempFolder } from "../support/temp-folder.ts";

const checks = testChecks();
const archive = testArchive();
const builder = testPackageBuilder();
afterAll(async () => {
  checks.close();
  await builder.close();
});

const nightly = `on: { cron: "0 3 * * *" }
tasks:
  dump: { run: echo dump }
  check: { after: dump, run: echo ok }
`;

describe("a file NAME.cascade.yaml", () => {
  it("is a package of its own, with the file's name and a version from its content", async () => {
    const bytes = Buffer.from(nightly);
    const reading = await archive.read(bytes, "nightly.cascade.yaml");
    if (reading.kind !== "whole") throw reading.error;
    const { manifest, digest, manifestBytes } = reading.content;
    expect(manifest).toMatchObject({ name: "nightly", version: `0.0.0-${sha256(bytes).slice(0, 12)}`, files: [] });
    expect(manifest.workflows).toMatchObject([{ name: "nightly", tasks: [{ name: "dump" }, { name: "check" }] }]);
    expect(digest).toBe(sha256(manifestBytes));
    expect(await archive.check(reading.content)).toBeUndefined();
  });

  it("is packed, to be signed, as the package that it is", async () => {
    const folder = tempFolder();
    const path = join(folder, "nightly.cascade.yaml");
    writeFileSync(path, nightly);
    const built = await builder.build(path);
    const [asText, asArchive] = await Promise.all([
      archive.read(Buffer.from(nightly), "nightly.cascade.yaml"),
      archive.read(built.bytes),
    ]);
    expect(asArchive).toMatchObject({ kind: "whole", content: { digest: built.digest } });
    expect(asText).toMatchObject({ kind: "whole", content: { digest: built.digest } });
  });

  it.each([
    ["Bad_Name.cascade.yaml", nightly, "NAME_INVALID"],
    ["nightly.cascade.yaml", "tasks: {", "PACKAGE_INVALID"],
    ["nightly.cascade.yaml", "", "PACKAGE_INVALID"],
    ["nightly.cascade.yaml", Buffer.from([0x61, 0x3a, 0x20, 0xe9]), "YAML_INVALID"],
    ["nightly.cascade.yaml", `# ${"x".repeat(300_000)}`, "PACKAGE_TOO_LARGE"],
    ["nightly.cascade.yaml", `${nightly}params: !ruby/object {}`, "PACKAGE_INVALID"],
  ])("is rejected as %s with its reason (%#)", async (name, text, code) => {
    const reading = await archive.read(Buffer.from(text as string), name);
    expect(reading).toMatchObject({ kind: "broken", error: { code } });
  });

  it.each([
    ["nested flow", "[".repeat(200_000)],
    ["nested sequences", "- ".repeat(100_000)],
    ["mistakes", "}\n".repeat(100_000)],
    ["anchors", "&a ".repeat(60_000)],
    ["documents", "---\na: 1\n".repeat(25_000)],
    [
      "aliases of aliases",
      `a: &a [${"x,".repeat(99)}]\n${Array.from({ length: 9 }, (_, n) => `k${n}: &${"bcdefghij"[n]} [${`*${"abcdefghi"[n]},`.repeat(9)}]`).join("\n")}\n`,
    ],
    [
      "a pattern that backtracks",
      `${nightly.replace("on: {", 'params: { type: object, properties: { a: { type: string, pattern: "^(a+)+$" } } }\non: { params: { a: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa! },')}`,
    ],
  ])("that is made to be hard to read holds nothing up: %s", async (_, text) => {
    const begun = performance.now();
    let last = begun;
    let lag = 0;
    const beat = setInterval(() => {
      lag = Math.max(lag, performance.now() - last - 5);
      last = performance.now();
    }, 5);
    const read = await checks.commands("hard.cascade.yaml", Buffer.from(text));
    clearInterval(beat);
    expect("error" in read && read.error.problems.length).toBeLessThanOrEqual(100);
    expect(performance.now() - begun).toBeLessThan(12_000);
    expect(lag).toBeLessThan(1_000);
  });

  it("has a version that is one, whatever its digest is", () => {
    expect(contentVersion(`0123456789012${"a".repeat(51)}`)).toBe("0.0.0-012345678901x");
    expect(contentVersion(`1123456789012${"a".repeat(51)}`)).toBe("0.0.0-112345678901");
    expect(contentVersion(`a123456789012${"a".repeat(51)}`)).toBe("0.0.0-a12345678901");
  });
});

describe("what lies in a watched folder and is no package", () => {
  it("is listed by its name, and told with its reason", async () => {
    const folder = tempFolder();
    for (const name of ["a.cascade", "b.cascade.yaml", "workflow.yaml", "x.yml", "x.cascade.tmp", ".up.cascade"]) {
      writeFileSync(join(folder, name), "");
    }
    mkdirSync(join(folder, "src.cascade"));
    symlinkSync("a.cascade", join(folder, "link.cascade"));
    execFileSync("mkfifo", [join(folder, "pipe.cascade")]);
    writeFileSync(Buffer.concat([Buffer.from(`${folder}/caf`), Buffer.from([0xe9]), Buffer.from(".cascade")]), "");
    const { listing } = await listFolder(folder, { allowUnsafe: true, ownUid: process.getuid!() });
    expect(listing.files.map(({ location }) => location.name)).toEqual(["a.cascade", "b.cascade.yaml"]);
    const reasons: Record<string, string> = {};
    for (const name of listing.passedOver ?? []) {
      const why = await whyPassedOver({ folder, name });
      expect(why?.code).toBe("WATCH_PASSED_OVER");
      reasons[name] = why!.message.split(": ").at(-1)!;
    }
    expect(reasons).toEqual({
      ".up.cascade": "its name begins with a dot",
      "caf\uFFFD.cascade": "its name is not UTF-8",
      "link.cascade": "it is a symbolic link, and links are not followed",
      "pipe.cascade": "it is neither a regular file nor a folder",
      "src.cascade": "it is a folder",
      "workflow.yaml": "a workflow in YAML is named NAME.cascade.yaml here",
      "x.cascade.tmp": "its name does not end in .cascade or .cascade.yaml",
      "x.yml": "a workflow in YAML is named NAME.cascade.yaml here",
    });
  });
});
