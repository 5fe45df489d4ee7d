import { expect, it } from "vitest";
import { createTurns } from "../../../src/engine/turns.ts";

/** Two processes that may each hold four attempts of the package that has them. */
function fixture() {
  let time = 0;
  const processes: { digest: string; busy: number }[] = [];
  const depth = 4;
  const most = 2;
  const turns = createTurns(
    {
      room: () => most - processes.filter(({ busy }) => busy > 0).length,
      warmRoom(digest) {
        const own = processes.filter((process) => process.digest === digest);
        return {
          processes: own.length,
          idle: own.filter(({ busy }) => busy === 0).length,
          places: own.reduce((sum, { busy }) => sum + depth - busy, 0),
        };
      },
    },
    () => time,
  );
  return { turns, processes, pass: (ms: number) => (time += ms) };
}

it("counts claims on their way, against the processes of their package first", () => {
  const { turns, processes } = fixture();
  processes.push({ digest: "a", busy: 0 });
  turns.look(["a", "b"]);
  expect([turns.placesIn("a"), turns.placesIn("b"), turns.freeProcesses()]).toEqual([4, 0, 2]);
  const releases = Array.from({ length: 4 }, () => turns.claimed("a", false));
  expect([turns.placesIn("a"), turns.freeProcesses()]).toEqual([0, 1]);
  releases.push(turns.claimed("a", false));
  expect(turns.freeProcesses()).toBe(0);
  for (const release of releases) release();
  expect([turns.placesIn("a"), turns.freeProcesses()]).toEqual([4, 2]);
});

it("counts a claim that needs a process of its own as one", () => {
  const { turns } = fixture();
  turns.look([]);
  const release = turns.claimed("a", true);
  expect([turns.placesIn("a"), turns.freeProcesses()]).toEqual([0, 1]);
  release();
  expect(turns.freeProcesses()).toBe(2);
});

it("puts packages without a process before those that have one", () => {
  const { turns, processes } = fixture();
  processes.push({ digest: "a", busy: 2 });
  turns.look(["a", "b", "c"]);
  expect(turns.unservedFirst(["a", "b", "c"])).toEqual(["b", "c", "a"]);
});

it("lets a package keep its processes for half a second, and then gives it no more until who waits has one", () => {
  const { turns, processes, pass } = fixture();
  processes.push({ digest: "a", busy: 1 }, { digest: "a", busy: 1 });
  turns.look(["a"]);
  turns.claimed("a", false)();
  turns.look(["a", "b"]);
  pass(499);
  turns.look(["a", "b"]);
  expect(turns.placesIn("a")).toBe(6);
  pass(1);
  turns.look(["a", "b"]);
  expect(turns.placesIn("a")).toBe(0);
  // One of the two processes has run empty, and the one that waits takes it.
  processes[0]!.busy = 0;
  turns.look(["a", "b"]);
  expect(turns.freeProcesses()).toBe(1);
  turns.claimed("b", false)();
  processes[0] = { digest: "b", busy: 1 };
  turns.look(["a", "b"]);
  expect(turns.placesIn("a")).toBe(3);
});
