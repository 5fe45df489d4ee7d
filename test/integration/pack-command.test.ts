import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { testTerminal } from "../support/cli-io.ts";
import { tempFolder } from "../support/temp-folder.ts";

describe("from nothing to a package of shell commands", () => {
  it("takes `init --yaml` and `pack`, and a name that ends in a slash is a folder", async () => {
    const folder = tempFolder();
    const { run } = testTerminal(folder);
    expect((await run("init", "nightly", "--yaml")).err).toBe("Next: cascade pack nightly\n");
    expect((await run("validate", "nightly")).out).toBe("nightly 1.0.0 is valid: nightly\n");
    const packed = await run("pack", "nightly", "-o", "new/deep/", "--json");
    expect(packed.code).toBe(0);
    expect(JSON.parse(packed.out)).toMatchObject({
      path: join(folder, "new/deep/nightly-1.0.0.cascade"),
      warnings: [],
      types: null,
    });
    expect(existsSync(join(folder, "new/deep/nightly-1.0.0.cascade"))).toBe(true);
  });

  it("makes no folder for a name without a slash", async () => {
    const folder = tempFolder();
    const { run } = testTerminal(folder);
    await run("init", "nightly", "--yaml");
    await run("pack", "nightly", "-o", "out.cascade");
    expect(readdirSync(folder).sort()).toEqual(["nightly", "out.cascade"]);
    expect(await run("pack", "nightly", "-o", "out.cascade/")).toMatchObject({ code: 73 });
  });
});
