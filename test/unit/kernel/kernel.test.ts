import fc from "fast-check";
import { readFileSync, statSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeFileAtomic } from "../../../src/kernel/atomic-file.ts";
import { canonicalJson } from "../../../src/kernel/canonical-json.ts";
import { formatDuration, parseDuration } from "../../../src/kernel/duration.ts";
import { createIds, isIdEnding, shortId } from "../../../src/kernel/ids.ts";
import { createService } from "../../../src/kernel/service.ts";
import { tempFolder } from "../../support/temp-folder.ts";

describe("durations", () => {
  it.each([
    ["30s", 30_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["2d", 172_800_000],
  ])("%s is %d ms", (text, ms) => expect(parseDuration(text)).toBe(ms));

  it.each(["", "5", "s", "-1s", " 1s", "1s ", "1x", "1 s", "1e3s", "99999999d", "1h-30m"])(
    "%j is no duration",
    (text) => {
      expect(parseDuration(text)).toBeUndefined();
    },
  );

  it("are written as they are read", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 * 365 * 86_400_000 }), (ms) => parseDuration(formatDuration(ms)) === ms),
    );
  });
});

describe("ids", () => {
  it("are UUIDv7, strictly increasing even when the clock stands or steps back", () => {
    const times = [5, 5, 5, 3, 9, 9, 2];
    let call = 0;
    const ids = createIds(
      () => 1_700_000_000_000 + times[call++ % times.length]!,
      (size) => new Uint8Array(size).fill(7),
    );
    const made = Array.from({ length: 10_000 }, () => ids.next());
    for (const id of made) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect([...made].sort()).toEqual(made);
    expect(new Set(made).size).toBe(made.length);
  });

  it("are named by any ending of six characters or more", () => {
    expect(isIdEnding(shortId("01a1fbc0-33cc-7000-9b3d-a43bef3d4144"))).toBe(true);
    expect(isIdEnding("d4144")).toBe(false);
    expect(isIdEnding("%d4144")).toBe(false);
  });
});

describe("canonical JSON", () => {
  it("sorts keys by UTF-16 units and writes numbers as ECMAScript does", () => {
    expect(canonicalJson({ b: 1, a: [1e21, 0.1, -0], "\u20ac": "\n" })).toBe('{"a":[1e+21,0.1,0],"b":1,"€":"\\n"}');
  });

  it("gives equal text for equal values, whatever the order of their keys", () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
      }),
    );
  });

  const circular: Record<string, unknown> = {};
  circular["self"] = circular;
  it.each([
    ["undefined", undefined],
    ["a function", () => 1],
    ["a hole", [, 1]],
    ["NaN", { a: NaN }],
    ["a Date", { a: new Date(0) }],
    ["a Map", new Map()],
    ["a BigInt", 1n],
    ["half a surrogate pair", "\ud800"],
    ["a circle", circular],
  ])("refuses %s", (_name, value) => {
    expect(() => canonicalJson(value)).toThrow(expect.objectContaining({ code: "JSON_INVALID" }));
  });
});

describe("an atomic file", () => {
  it("has all of its bytes and its mode, and leaves no other file", () => {
    const folder = tempFolder();
    writeFileAtomic(join(folder, "a"), "old");
    writeFileAtomic(join(folder, "a"), "new", { mode: 0o640 });
    expect(readFileSync(join(folder, "a"), "utf8")).toBe("new");
    expect(statSync(join(folder, "a")).mode & 0o777).toBe(0o640);
    expect(readdirSync(folder)).toEqual(["a"]);
  });

  it("keeps the old bytes when it is cut off before the rename", () => {
    const path = join(tempFolder(), "a");
    writeFileAtomic(path, "old");
    const beforeRename = () => {
      throw new Error("cut off");
    };
    expect(() => writeFileAtomic(path, "new", { beforeRename })).toThrow("cut off");
    expect(readFileSync(path, "utf8")).toBe("old");
    writeFileAtomic(path, "newer");
    expect(readFileSync(path, "utf8")).toBe("newer");
  });
});

describe("a service", () => {
  it("starts and stops once however often it is asked, and stop waits for start", async () => {
    const seen: string[] = [];
    const service = createService(
      async () => {
        await new Promise((resolve) => setImmediate(resolve));
        seen.push("started");
      },
      () => void seen.push("stopped"),
    );
    await Promise.all([service.start(), service.start(), service.stop(), service.stop()]);
    expect(seen).toEqual(["started", "stopped"]);
    await expect(service.start()).rejects.toThrow("does not start again");
  });

  it("whose start failed is stopped all the same, so that what it had begun ends", async () => {
    let stopped = false;
    const service = createService(
      () => Promise.reject(new Error("no")),
      () => void (stopped = true),
    );
    await expect(service.start()).rejects.toThrow("no");
    await service.stop();
    expect(stopped).toBe(true);
  });

  it("that never started stops without a trace", async () => {
    let stopped = false;
    await createService(
      () => undefined,
      () => void (stopped = true),
    ).stop();
    expect(stopped).toBe(false);
  });
});
