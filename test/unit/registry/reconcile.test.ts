import { describe, expect, test } from "vitest";
import type { FileStat, PackageFileRecord } from "../../../src/domain/registry.ts";
import type { FolderListing, FoundFile } from "../../../src/ports/package-source.ts";
import { type Memory, noMemory, type Plan, reconcile } from "../../../src/registry/reconcile.ts";

const stat: FileStat = { device: 1, inode: 2, size: 3, modifiedNs: "4", changedNs: "5" };

function found(name: string, change: Partial<FileStat> = {}): FoundFile {
  return { location: { folder: "/w", name }, stat: { ...stat, ...change }, refusal: null };
}

function record(name: string, change: Partial<PackageFileRecord> = {}): PackageFileRecord {
  return {
    location: { folder: "/w", name },
    state: "loaded",
    stat,
    archiveDigest: "a",
    package: { name: "pack", version: "1.0.0", digest: "d" },
    keeps: null,
    error: null,
    seenAt: 0,
    changedAt: 0,
    ...change,
  };
}

function plan(files: readonly FoundFile[], records: readonly PackageFileRecord[], change: Partial<FolderListing> = {}) {
  const listing = { folder: "/w", files, error: null, device: 1, isRemote: false, ...change };
  return reconcile([listing], new Map(records.map((known) => [`/w/${known.location.name}`, known])), new Set());
}

test.each(["device", "inode", "size", "modifiedNs", "changedNs"] as const)(
  "a file whose %s differs is looked into",
  (field) => {
    const changed = found("a", { [field]: field.endsWith("Ns") ? "77" : 77 });
    expect(plan([changed], [record("a")], { device: changed.stat.device }).look).toEqual([changed]);
  },
);

test("a file that is known as it is, loaded or rejected, is left alone", () => {
  const rejected = record("b", { state: "rejected", error: { code: "PACKAGE_CORRUPT", message: "", hint: "" } });
  expect(plan([found("a"), found("b")], [record("a"), rejected])).toMatchObject({ look: [], gone: [], still: [] });
});

test("an unsafe file that has become safe is looked into, and so is a loaded one that has become unsafe", () => {
  const refusal = { code: "WATCH_UNSAFE", message: "", hint: "" };
  const unsafe = record("a", { state: "rejected", error: refusal });
  expect(plan([found("a")], [unsafe]).look).toHaveLength(1);
  expect(plan([{ ...found("a"), refusal }], [unsafe]).look).toHaveLength(0);
  expect(plan([{ ...found("a"), refusal }], [record("a")]).look).toHaveLength(1);
});

test("older files are looked into first", () => {
  const files = [
    found("c", { modifiedNs: "100" }),
    found("b", { modifiedNs: "99" }),
    found("a", { modifiedNs: "100" }),
  ];
  expect(plan(files, []).look.map(({ location }) => location.name)).toEqual(["b", "a", "c"]);
});

test("only a listing without an error, of a folder on the same device, lets files go", () => {
  const error = { code: "WATCH_UNREADABLE", message: "", hint: "" };
  expect(plan([], [record("a")]).gone).toHaveLength(1);
  expect(plan([], [record("a")], { error, device: null }).gone).toHaveLength(0);
  const unmounted = plan([], [record("a")], { device: 2 });
  expect(unmounted.gone).toHaveLength(0);
  expect(unmounted.folderErrors.get("/w")).toMatchObject({ code: "WATCH_UNREADABLE" });
  expect(reconcile([], new Map([["/w/a", record("a")]]), new Set()).gone).toHaveLength(1);
});

describe("a folder on another device than its missing files were last seen on", () => {
  const [held, missing] = [record("a", { archiveDigest: "one" }), record("b", { archiveDigest: "two" })];
  const moved = (name: string) => found(name, { device: 2 });
  /** The record of a file that was looked into on the new device. */
  const looked = (name: string, archiveDigest: string) => record(name, { archiveDigest, stat: { ...stat, device: 2 } });

  function scan(
    files: readonly FoundFile[],
    records: readonly PackageFileRecord[],
    memory: Memory = noMemory,
    device = 2,
  ): Plan {
    const listing = { folder: "/w", files, error: null, device, isRemote: false };
    return reconcile(
      [listing],
      new Map(records.map((known) => [`/w/${known.location.name}`, known])),
      new Set(),
      memory,
    );
  }
  const remembered = ({ doubts }: Plan): Memory => ({ doubts, removed: new Set() });

  test("is the same one when two scans list it alike and it holds a file that it held before", () => {
    const first = scan([moved("a")], [held, missing]);
    expect(first.gone).toEqual([]);
    expect(first.folderErrors.get("/w")).toMatchObject({
      message: "/w is on another device than when b was last seen there",
      hint: expect.stringContaining("cascade package remove pack") as string,
    });
    const second = scan([moved("a")], [looked("a", "one"), missing], remembered(first));
    expect(second.gone).toEqual([missing]);
    expect(second.folderErrors.size).toBe(0);
  });

  test("is another one as long as it holds nothing, or other content under the same names", () => {
    const empty = scan([], [held, missing]);
    expect(scan([], [held, missing], remembered(empty)).gone).toEqual([]);
    let other = scan([moved("a")], [held, missing]);
    for (let again = 0; again < 3; again++) {
      other = scan([moved("a")], [looked("a", "strange"), missing], remembered(other));
      expect(other.gone).toEqual([]);
    }
    expect(scan([moved("c")], [looked("c", "new"), missing], remembered(other)).gone).toEqual([]);
  });

  test("waits while its listing still changes, or its device does", () => {
    const first = scan([moved("a")], [held, missing]);
    const second = scan([moved("a"), moved("c")], [looked("a", "one"), missing], remembered(first));
    expect(second.gone).toEqual([]);
    const elsewhere = scan([], [looked("a", "one"), missing], remembered(second), 3);
    expect(elsewhere.gone).toEqual([]);
    const third = scan([moved("a"), moved("c")], [looked("a", "one"), looked("c", "new"), missing], remembered(second));
    expect(third.gone).toEqual([missing]);
  });

  test("lets go what was removed on purpose, also when it is empty afterwards", () => {
    const first = scan([moved("a")], [held, missing]);
    const removed = scan([moved("a")], [looked("a", "one"), missing], {
      doubts: new Map(),
      removed: new Set(["/w/b"]),
    });
    expect(removed.gone).toEqual([missing]);
    const proven = scan([moved("a"), moved("c")], [looked("a", "one"), missing], remembered(first));
    const emptied = scan([], [missing], remembered(proven));
    expect(emptied.gone).toEqual([]);
    expect(scan([], [missing], remembered(emptied)).gone).toEqual([missing]);
  });
});
