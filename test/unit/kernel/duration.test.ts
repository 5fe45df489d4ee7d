import { expect, it } from "vitest";
import { roundedDuration } from "../../../src/kernel/duration.ts";

it.each([
  [0, "0ms"],
  [88, "88ms"],
  [999.6, "1s"],
  [1_088, "1.1s"],
  [2_000, "2s"],
  [9_949, "9.9s"],
  [9_960, "10s"],
  [75_400, "1m15s"],
])("shows a span of %d ms as people read it: %s", (ms, text) => expect(roundedDuration(ms)).toBe(text));
