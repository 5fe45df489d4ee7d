import fc from "fast-check";
import { deflateRawSync, gzipSync } from "node:zlib";
import { Header, Pax } from "tar";
import { describe, expect, it } from "vitest";
import { writeArchive } from "../../src/adapters/archive/write-archive.ts";
import { fingerprintOf } from "../../src/domain/fingerprint.ts";
import type { Manifest } from "../../src/domain/manifest.ts";
import { formatManifest } from "../../src/domain/manifest-check.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { testArchive } from "../support/checks.ts";
import { definition, task } from "../support/definitions.ts";

const archive = testArchive();
type Files = Record<string, string | Buffer>;

function manifestFor(files: Files, change: Partial<Manifest> = {}): Manifest {
  const workflows = [definition([task("a")])];
  const listed = Object.entries(files)
    .map(([path, content]) => ({ path, sha256: sha256(content), size: Buffer.from(content).length, mode: 0o644 }))
    .sort((a, b) => (a.path < b.path ? -1 : 1));
  const fingerprint = fingerprintOf({
    workflows,
    env: [],
    files: listed,
    functions: new Map(),
    sources: {},
    schemas: {},
    sdk: null,
    toolchain: {},
  });
  return {
    format: 1,
    hostApi: 1,
    name: "demo",
    version: "1.0.0",
    description: "",
    env: [],
    workflows,
    files: listed,
    fingerprint,
    ...change,
  };
}

const plainFiles: Files = { "bundle.mjs": "export default 1;\n", "assets/ä": "text" };

function entries(files: Files, manifest = manifestFor(files)) {
  return [
    { path: "manifest.json", bytes: formatManifest(manifest), mode: 0o644 },
    ...Object.entries(files).map(([path, content]) => ({ path, bytes: Buffer.from(content), mode: 0o644 })),
  ];
}

const whole = writeArchive(entries(plainFiles));

/** One tar entry with any header. */
function block(header: ConstructorParameters<typeof Header>[0], body: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(body);
  const made = new Header({ mode: 0o644, size: bytes.length, type: "File", ...(header as object) });
  made.encode();
  return Buffer.concat([made.block!, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

const manifestBlock = block({ path: "manifest.json" }, formatManifest(manifestFor(plainFiles)));
const bundleBlock = block({ path: "bundle.mjs" }, plainFiles["bundle.mjs"]);
const pathRecord = new Pax({ path: "assets/ä" }).encode();
const assetBlock = block({ path: "assets/x" }, "text");
const end = Buffer.alloc(1024);
const pack = (...blocks: Buffer[]) => gzipSync(Buffer.concat(blocks));

async function verdict(bytes: Buffer): Promise<string> {
  const reading = await archive.read(bytes);
  return reading.kind === "whole" ? "whole" : `${reading.kind} ${reading.error.code}`;
}

describe("a whole package", () => {
  it("is read with its manifest, its files and its digest", async () => {
    const reading = await archive.read(whole);
    if (reading.kind !== "whole") throw reading.error;
    expect(reading.content.manifest).toEqual(manifestFor(plainFiles));
    expect(reading.content.digest).toBe(sha256(formatManifest(manifestFor(plainFiles))));
    expect(reading.content.files.get("assets/ä")?.toString()).toBe("text");
  });

  it("is inspected without keeping what is large, and every byte of it is held against the manifest all the same", async () => {
    const large = { "bundle.mjs": "export default 1;\n", "assets/large.bin": Buffer.alloc(17 * 1024 * 1024, "large") };
    const bytes = writeArchive(entries(large));
    const inspected = await archive.inspect(bytes);
    if (inspected.kind !== "whole") throw inspected.error;
    expect([...inspected.content.files]).toEqual([]);
    const reading = await archive.read(bytes);
    expect(reading).toMatchObject({ kind: "whole", content: { digest: inspected.content.digest } });
    const altered = { ...large, "assets/large.bin": Buffer.alloc(17 * 1024 * 1024, "altered") };
    const broken = writeArchive(entries(altered, manifestFor(large)));
    expect(await archive.inspect(broken)).toMatchObject({ kind: "broken", error: { code: "PACKAGE_CORRUPT" } });
  });

  it("names no system and no time in its gzip header", () => {
    expect(whole.subarray(0, 10).toString("hex")).toBe("1f8b08000000000002ff");
  });

  it("is the same package however it is compressed", async () => {
    const tar = Buffer.concat([manifestBlock, bundleBlock, pathRecord, assetBlock, end, Buffer.alloc(8 * 1024)]);
    const named = Buffer.concat([
      Buffer.from([0x1f, 0x8b, 8, 8, 1, 2, 3, 4, 0, 3]),
      Buffer.from("x.tar\0"),
      deflateRawSync(tar),
      gzipSync(tar).subarray(-8),
    ]);
    for (const bytes of [gzipSync(tar, { level: 1 }), gzipSync(tar, { level: 0 }), named]) {
      const reading = await archive.read(bytes);
      expect(reading.kind === "whole" && reading.content.digest).toBe(sha256(formatManifest(manifestFor(plainFiles))));
    }
  });
});

describe("a copy under way", () => {
  it("is incomplete at every length short of the whole", async () => {
    for (let length = 0; length < whole.length; length++) {
      expect(await verdict(whole.subarray(0, length)), `${length} bytes`).toBe("incomplete PACKAGE_TRUNCATED");
    }
  });

  it("is incomplete when its size was reserved first and its end is still zeros", async () => {
    for (let length = 0; length <= whole.length - 8; length++) {
      const reserved = Buffer.alloc(whole.length);
      whole.copy(reserved, 0, 0, length);
      expect(await verdict(reserved), `${length} bytes`).toBe("incomplete PACKAGE_TRUNCATED");
    }
  });

  it("is incomplete while bytes are missing anywhere, whether they are zeros or those of another file", async () => {
    for (let start = 20; start < whole.length - 20; start += 7) {
      for (const fill of [0, 0xa5]) {
        const hole = Buffer.from(whole).fill(fill, start, start + 16);
        expect(await verdict(hole), `${start} ${fill}`).toMatch(/^incomplete /);
      }
    }
  });

  it("is broken when anything follows the end", async () => {
    for (const more of [Buffer.from("x"), Buffer.from([0]), Buffer.alloc(512), whole, gzipSync("")]) {
      expect(await verdict(Buffer.concat([whole, more]))).toBe("broken PACKAGE_CORRUPT");
    }
  });
});

describe("damage", () => {
  it("of one bit never gives a package of other content", async () => {
    let survivors = 0;
    for (let bit = 0; bit < whole.length * 8; bit++) {
      const bytes = Buffer.from(whole);
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      const reading = await archive.read(bytes);
      if (reading.kind !== "whole") continue;
      // Left are notes in the gzip header, padding, and other ways to write the same zeros.
      survivors++;
      expect(reading.content.digest).toBe(sha256(formatManifest(manifestFor(plainFiles))));
    }
    expect(survivors).toBeLessThan(100);
  });

  it("of any kind never throws", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(), byte: fc.nat(255) }), { minLength: 1, maxLength: 6 }),
        fc.boolean(),
        async (changes, compressed) => {
          const tar = Buffer.concat([manifestBlock, bundleBlock, pathRecord, assetBlock, end]);
          const bytes = Buffer.from(compressed ? whole : tar);
          for (const { at, byte } of changes) bytes[at % bytes.length] = byte;
          await archive.read(compressed ? bytes : gzipSync(bytes));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("a hostile archive", () => {
  const head = [manifestBlock, bundleBlock, pathRecord, assetBlock];
  const hidden = (header: object, body = "") =>
    pack(manifestBlock, block(header, body), bundleBlock, pathRecord, assetBlock, end);
  const withoutUstar = Buffer.from(bundleBlock);
  withoutUstar.write("xstar", 257);
  const negative = Buffer.from(bundleBlock);
  negative.fill(0xff, 124, 136);

  it.each<[string, Buffer, string]>([
    ["text", Buffer.from("not a package"), "PACKAGE_CORRUPT"],
    ["a plain tar", Buffer.concat([...head, end]), "PACKAGE_CORRUPT"],
    ["gzip of gzip", gzipSync(whole), "PACKAGE_CORRUPT"],
    ["an empty archive", pack(end), "PACKAGE_CORRUPT"],
    ["an archive without an end", pack(...head), "PACKAGE_CORRUPT"],
    ["half an end", pack(...head, Buffer.alloc(512)), "PACKAGE_CORRUPT"],
    ["a file missing", pack(manifestBlock, bundleBlock, end), "PACKAGE_CORRUPT"],
    ["a file more", hidden({ path: "assets/more" }, "x"), "PACKAGE_UNSAFE"],
    ["a file twice", pack(...head, bundleBlock, end), "PACKAGE_UNSAFE"],
    ["a second manifest", pack(manifestBlock, manifestBlock, ...head.slice(1), end), "PACKAGE_UNSAFE"],
    ["files before the manifest", pack(bundleBlock, manifestBlock, pathRecord, assetBlock, end), "PACKAGE_INVALID"],
    ["a path that climbs out", hidden({ path: "../evil" }, "x"), "PACKAGE_UNSAFE"],
    ["an absolute path", hidden({ path: "/tmp/evil" }, "x"), "PACKAGE_UNSAFE"],
    ["a symbolic link", hidden({ path: "assets/l", type: "SymbolicLink", linkpath: "/etc/passwd" }), "PACKAGE_UNSAFE"],
    ["a hard link", hidden({ path: "assets/l", type: "Link", linkpath: "bundle.mjs" }), "PACKAGE_UNSAFE"],
    ["a folder", hidden({ path: "assets/d/", type: "Directory" }), "PACKAGE_UNSAFE"],
    ["a device", hidden({ path: "assets/d", type: "CharacterDevice" }), "PACKAGE_UNSAFE"],
    ["a FIFO", hidden({ path: "assets/d", type: "FIFO" }), "PACKAGE_UNSAFE"],
    [
      "a global record",
      pack(manifestBlock, new Pax({ path: "bundle.mjs" }, true).encode(), ...head.slice(1), end),
      "PACKAGE_UNSAFE",
    ],
    [
      "a record with a size",
      pack(manifestBlock, new Pax({ path: "bundle.mjs", size: 1 }).encode(), ...head.slice(1), end),
      "PACKAGE_UNSAFE",
    ],
    [
      "a record with a link",
      pack(manifestBlock, new Pax({ linkpath: "/etc" }).encode(), ...head.slice(1), end),
      "PACKAGE_UNSAFE",
    ],
    [
      "two records for one file",
      pack(manifestBlock, bundleBlock, pathRecord, pathRecord, assetBlock, end),
      "PACKAGE_UNSAFE",
    ],
    ["a record for no file", pack(...head, pathRecord, end), "PACKAGE_CORRUPT"],
    [
      "a GNU long name",
      hidden({ path: "././@LongLink", type: "NextFileHasLongPath" }, "bundle.mjs\0"),
      "PACKAGE_UNSAFE",
    ],
    ["an entry of another format", pack(manifestBlock, withoutUstar, pathRecord, assetBlock, end), "PACKAGE_CORRUPT"],
    ["a negative size", pack(manifestBlock, negative, pathRecord, assetBlock, end), "PACKAGE_CORRUPT"],
    [
      "a file of another size",
      pack(manifestBlock, block({ path: "bundle.mjs" }, "short"), pathRecord, assetBlock, end),
      "PACKAGE_CORRUPT",
    ],
    [
      "a file of another content",
      pack(manifestBlock, block({ path: "bundle.mjs" }, "export default 2;\n"), pathRecord, assetBlock, end),
      "PACKAGE_CORRUPT",
    ],
    ["something behind the end", pack(...head, end, bundleBlock), "PACKAGE_UNSAFE"],
    ["zeros without end", gzipSync(Buffer.concat([...head, Buffer.alloc(1024 * 1024)])), "PACKAGE_UNSAFE"],
    [
      "a manifest of 2 MB",
      pack(block({ path: "manifest.json" }, Buffer.alloc(5 * 1024 * 1024)), end),
      "PACKAGE_TOO_LARGE",
    ],
  ])("with %s is broken", async (_, bytes, code) => {
    expect(await verdict(bytes)).toBe(`broken ${code}`);
  });

  it("beyond a limit is refused before its files are kept", async () => {
    const big = { "bundle.mjs": "x", "assets/big": Buffer.alloc(3_000_000) };
    const bytes = writeArchive(entries(big));
    const within = (limits: object) => testArchive(limits).read(bytes);
    for (const limits of [{ packed: 1_000 }, { unpacked: 2_000_000 }, { entries: 2 }]) {
      expect(await within(limits)).toMatchObject({ kind: "broken", error: { code: "PACKAGE_TOO_LARGE" } });
    }
    expect(await within({ entries: 3 })).toMatchObject({ kind: "whole" });
  });

  it("that unpacks to a gigabyte is refused in flat memory", async () => {
    // 30 MB of zeros deflate to 30 KB; as one stream of concatenated blocks they go on for a gigabyte.
    const tar = Buffer.concat([manifestBlock, block({ path: "assets/bomb", size: 1024 ** 3 })]);
    const zeros = deflateRawSync(Buffer.alloc(32 * 1024 * 1024), { finishFlush: 3 });
    const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255]);
    const bomb = Buffer.concat([header, deflateRawSync(tar, { finishFlush: 3 }), ...Array<Buffer>(32).fill(zeros)]);
    const listed = manifestFor(plainFiles);
    const huge = { path: "assets/bomb", sha256: "0".repeat(64), size: 1024 ** 3, mode: 0o644 };
    const manifest = {
      ...listed,
      files: [huge, ...listed.files.slice(1)],
      fingerprint: { ...listed.fingerprint, assets: { "assets/bomb": "0".repeat(64) } },
    };
    const open = Buffer.concat([
      header,
      deflateRawSync(block({ path: "manifest.json" }, formatManifest(manifest)), { finishFlush: 3 }),
      ...Array<Buffer>(32).fill(zeros),
    ]);
    const before = process.memoryUsage().rss;
    expect(await verdict(bomb)).toBe("broken PACKAGE_UNSAFE");
    expect(await verdict(open)).toBe("broken PACKAGE_TOO_LARGE");
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });
});
