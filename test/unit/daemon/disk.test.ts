import { expect, test } from "vitest";
import { judgeRoom } from "../../../src/daemon/disk.ts";

const files = { freeFiles: 1_000_000, totalFiles: 2_000_000 };
const bytes = { freeBytes: 50_000_000_000, totalBytes: 100_000_000_000 };
const ofBytes = (freeBytes: number, totalBytes: number) => judgeRoom({ ...files, freeBytes, totalBytes }).lack;
const ofFiles = (freeFiles: number, totalFiles: number) => judgeRoom({ ...bytes, freeFiles, totalFiles }).lack;

test("room on disk is low below 500 MB or below 5 %", () => {
  expect(ofBytes(499_999_999, 1_000_000_000)).toBe("500 MB of 1,000 MB are free");
  expect(ofBytes(500_000_000, 1_000_000_000)).toBe(null);
  expect(ofBytes(4_900_000_000, 100_000_000_000)).toBe("4,900 MB of 100,000 MB are free");
  expect(ofBytes(5_000_000_000, 100_000_000_000)).toBe(null);
});

test("inodes that run out are a lack of their own, which is named", () => {
  expect(ofFiles(3, 200)).toContain("3 of 200 inodes are free");
  expect(ofFiles(99, 1_000)).toContain("inodes");
  expect(ofFiles(100, 1_000)).toBe(null);
  expect(ofFiles(4_000, 100_000)).toContain("inodes");
});

test("a file system that makes inodes as it needs them lacks none", () => {
  expect(ofFiles(0, 0)).toBe(null);
});
