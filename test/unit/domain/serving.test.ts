import { expect, test } from "vitest";
import { decideServing, type Holding } from "../../../src/domain/serving.ts";
import { scheduleKeeping, workflowKeeping } from "../../../src/domain/stored-state.ts";
import type { Schedule } from "../../../src/domain/schedule.ts";
import { snapshot, task } from "../../support/definitions.ts";

function holding(file: string, version: string, digest: string, change: Partial<Holding> = {}): Holding {
  return {
    location: { folder: "/w", name: file },
    package: { name: "pack", version, digest },
    modifiedNs: "1",
    replaces: false,
    kept: false,
    ...change,
  };
}

const nothingLoaded = () => false;
const activeOf = (holdings: readonly Holding[]) => decideServing(holdings, nothingLoaded).active.get("pack")?.version;

test.each([
  [["1.9.0", "1.10.0", "1.2.0"], "1.10.0"],
  [["2.0.0-rc.1", "1.9.9"], "2.0.0-rc.1"],
  [["2.0.0-rc.1", "2.0.0", "2.0.0-rc.2"], "2.0.0"],
  [["1.0.0+build.2", "1.0.0+build.10", "1.0.0"], "1.0.0+build.10"],
])("of %j the version %s is active", (versions, highest) => {
  const holdings = versions.map((version, index) => holding(`${index}`, version, `${index}`));
  expect(activeOf(holdings)).toBe(highest);
  expect(activeOf(holdings.toReversed())).toBe(highest);
});

test("versions that compare equal do not take turns with the order of files", () => {
  const holdings = [holding("a", "1.0.0+1", "a"), holding("b", "1.0.0+01", "b")];
  expect(activeOf(holdings)).toBe(activeOf(holdings.toReversed()));
});

test.each([
  ["the loaded one", holding("z", "1.0.0", "x", { modifiedNs: "9" }), holding("a", "1.0.0", "y"), ["x"]],
  [
    "the one overwritten in place",
    holding("z", "1.0.0", "x", { modifiedNs: "9", replaces: true }),
    holding("a", "1.0.0", "y"),
    [],
  ],
  [
    "the older one",
    holding("z", "1.0.0", "x", { modifiedNs: "99" }),
    holding("a", "1.0.0", "y", { modifiedNs: "100" }),
    [],
  ],
  ["the first by path", holding("a", "1.0.0", "x"), holding("b", "1.0.0", "y"), []],
])("of two files with one name and version %s wins", (_why, winner, loser, loaded: string[]) => {
  for (const holdings of [
    [winner, loser],
    [loser, winner],
  ]) {
    const serving = decideServing(holdings, (digest) => loaded.includes(digest));
    expect([...serving.loaded.keys()]).toEqual([winner.package.digest]);
    expect(serving.conflicts).toEqual([{ holding: loser, winner }]);
  }
});

test("equal files are no conflict, and a kept package is never called one", () => {
  const serving = decideServing(
    [holding("a", "1.0.0", "x"), holding("b", "1.0.0", "x"), holding("c", "1.0.0", "y", { kept: true })],
    nothingLoaded,
  );
  expect(serving.conflicts).toEqual([]);
  expect([...serving.loaded.keys()]).toEqual(["x"]);
});

test("a workflow keeps its pause in another version", () => {
  const { digest, graph: _graph, tasks: _tasks, ...content } = snapshot([task("only")]);
  const served = { id: "pack/flow", snapshot: digest, content, present: true, pausedAt: null };
  expect(workflowKeeping(undefined, served).pausedAt).toBeNull();
  expect(workflowKeeping({ ...served, present: false, pausedAt: 7 }, served).pausedAt).toBe(7);
});

test.each([
  ["goes on", {}, { state: "active", nextAt: 10 }],
  ["counts from load when its expression changed", { cron: "1 * * * *" }, { state: "active", nextAt: 99 }],
  ["counts from load when its zone changed", { timezone: "Asia/Tokyo" }, { state: "active", nextAt: 99 }],
  ["counts from load when it was away", { present: false }, { state: "active", nextAt: 99 }],
])("a schedule that is served again %s", (_what, stored: Partial<Schedule>, expected) => {
  const served: Schedule = {
    id: "pack/flow/s",
    workflow: "pack/flow",
    name: "s",
    cron: "* * * * *",
    timezone: "UTC",
    params: null,
    catchUp: { kind: "latest", max: 10 },
    overlap: "skip",
    state: "active",
    present: true,
    nextAt: 99,
  };
  expect(scheduleKeeping({ ...served, nextAt: 10, ...stored }, served)).toMatchObject(expected);
  expect(scheduleKeeping({ ...served, nextAt: null, ...stored, state: "paused" }, served)).toMatchObject({
    state: "paused",
    nextAt: null,
  });
  expect(scheduleKeeping(undefined, served)).toEqual(served);
});
