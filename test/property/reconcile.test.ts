import fc from "fast-check";
import { expect, test } from "vitest";
import type { Reconciler } from "../../src/registry/reconciler.ts";
import { createMemoryRoom } from "../support/memory-reconciler.ts";
import { type TinyPackage, tinyPackage } from "../support/tiny-package.ts";

const places = ["/w/a.cascade", "/w/b.cascade", "/w/c.cascade", "/x/a.cascade", "/x/b.cascade"] as const;
const packages: readonly TinyPackage[] = ["one", "two"].flatMap((name) =>
  ["1.0.0", "1.1.0-rc.1", "1.1.0"].flatMap((version) =>
    ["first", "second"].map((body) => tinyPackage({ name, version, body })),
  ),
);
/** By rising precedence. */
const versions = ["1.0.0", "1.1.0-rc.1", "1.1.0"];

/** The packages by what tells them apart. */
const byLabel = new Map(
  packages.map((pack) => [`${key(pack)}#${pack.content.files.get("bundle.mjs")!.toString()}`, pack]),
);

type Operation =
  | { kind: "write"; place: string; content: string }
  | { kind: "delete"; place: string }
  | { kind: "rename"; from: string; to: string };

const place = fc.constantFrom(...places);
const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("write" as const), place, content: fc.constantFrom(...byLabel.keys()) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("write" as const),
      place,
      content: fc.constantFrom("broken" as const, "incomplete" as const),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("delete" as const), place }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("rename" as const), from: place, to: place }) },
);
/** What happens between two scans. */
const moments = fc.array(fc.array(operation, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 });

function createWorld() {
  const room = createMemoryRoom(packages, ["/w", "/x"]);
  const contents = new Map<string, TinyPackage | string>();
  const split = (path: string) => [path.slice(0, 2), path.slice(3)] as const;
  const write = (path: string, content: TinyPackage | string) => {
    contents.set(path, content);
    room.watched.write(...split(path), typeof content === "string" ? Buffer.from(content) : content.bytes);
  };
  return {
    ...room,
    contents,
    apply(step: Operation): void {
      switch (step.kind) {
        case "write":
          return write(step.place, byLabel.get(step.content) ?? step.content);
        case "delete":
          contents.delete(step.place);
          room.watched.remove(...split(step.place));
          return;
        case "rename": {
          const content = contents.get(step.from);
          if (content === undefined || step.from === step.to) return;
          contents.delete(step.from);
          room.watched.remove(...split(step.from));
          write(step.to, content);
        }
      }
    },
    loaded: () =>
      [...room.registry.packages.values()]
        .filter(({ state }) => state === "loaded")
        .map(({ identity }) => identity.digest)
        .sort(),
    active: () =>
      new Map(
        [...room.registry.workflows.values()]
          .filter(({ present }) => present)
          .map(({ content }) => [content.package.name, content.package]),
      ),
  };
}

type World = ReturnType<typeof createWorld>;

async function living(world: World, play: (reconciler: Reconciler) => Promise<void>): Promise<void> {
  const reconciler = world.boot();
  await reconciler.start();
  try {
    await play(reconciler);
  } finally {
    await reconciler.stop();
  }
}

/** The same rules again, told file by file: what each one stands for, then who wins each name and version. */
function createModel() {
  const standsFor = new Map<string, TinyPackage>();
  let loaded = new Set<string>();
  return {
    scan(contents: World["contents"], ages: readonly string[]): string[] {
      const former = new Map(standsFor);
      for (const path of [...standsFor.keys()]) if (!contents.has(path)) standsFor.delete(path);
      const claims: { path: string; pack: TinyPackage; inPlace: boolean; own: boolean }[] = [];
      for (const [path, content] of contents) {
        const before = former.get(path);
        if (typeof content !== "string") {
          const inPlace = before !== undefined && key(before) === key(content);
          claims.push({ path, pack: content, inPlace, own: true });
          if (inPlace) continue;
        }
        if (before) claims.push({ path, pack: before, inPlace: false, own: false });
      }
      let standing = claims;
      for (;;) {
        const winners = new Set<TinyPackage>();
        for (const name of new Set(standing.map(({ pack }) => key(pack)))) {
          const rank = (claim: (typeof claims)[number]) =>
            (loaded.has(claim.pack.identity.digest) ? 0 : 1000) + (claim.inPlace ? 0 : 500) + ages.indexOf(claim.path);
          winners.add(
            standing.filter(({ pack }) => key(pack) === name).reduce((a, b) => (rank(a) <= rank(b) ? a : b)).pack,
          );
        }
        const settled = standing.filter(({ own, pack }) => own && winners.has(pack));
        for (const { path, pack } of settled) standsFor.set(path, pack);
        const next = standing.filter(({ own, path }) => own || !settled.some((other) => other.path === path));
        if (next.length === standing.length) {
          loaded = new Set([...winners].map(({ identity }) => identity.digest));
          break;
        }
        standing = next;
      }
      return [...loaded].sort();
    },
  };
}

function key({ identity }: TinyPackage): string {
  return `${identity.name}@${identity.version}`;
}

test("after any sequence of file operations the loaded packages are those of a naive model", async () => {
  await fc.assert(
    fc.asyncProperty(moments, async (steps) => {
      const world = createWorld();
      const model = createModel();
      await living(world, async (reconciler) => {
        for (const step of steps) {
          step.forEach((part) => world.apply(part));
          await world.clock.advance(600);
          await reconciler.reconcileOnce();
          const ages = [...world.watched.files].sort(
            ([, a], [, b]) => Number(a.stat.modifiedNs) - Number(b.stat.modifiedNs),
          );
          expect(world.loaded()).toEqual(
            model.scan(
              world.contents,
              ages.map(([path]) => path),
            ),
          );
        }
      });
    }),
    { numRuns: 300 },
  );
});

test("the highest loaded version of each package is the active one, and every loaded package has its code", async () => {
  await fc.assert(
    fc.asyncProperty(moments, async (steps) => {
      const world = createWorld();
      await living(world, async (reconciler) => {
        for (const step of steps) {
          step.forEach((part) => world.apply(part));
          await world.clock.advance(600);
          await reconciler.reconcileOnce();
          const loaded = packages.filter(({ identity }) => world.loaded().includes(identity.digest));
          for (const name of ["one", "two"]) {
            const highest = loaded
              .filter(({ identity }) => identity.name === name)
              .toSorted((a, b) => versions.indexOf(b.identity.version) - versions.indexOf(a.identity.version))[0];
            expect(world.active().get(name)).toEqual(highest?.identity);
          }
          for (const { identity } of loaded) expect(world.codeStore.folders.has(identity.digest)).toBe(true);
          expect(new Set(loaded.map(key)).size).toBe(loaded.length);
        }
      });
    }),
    { numRuns: 150 },
  );
});

test("files that are broken or incomplete never take a loaded package away", async () => {
  await fc.assert(
    fc.asyncProperty(
      moments,
      fc.array(fc.tuple(place, fc.constantFrom("broken" as const, "incomplete" as const))),
      async (steps, damages) => {
        const world = createWorld();
        await living(world, async (reconciler) => {
          for (const part of steps.flat()) world.apply(part);
          await reconciler.reconcileOnce();
          const [loaded, active] = [world.loaded(), world.active()];
          for (const [path, content] of damages) world.apply({ kind: "write", place: path, content });
          await reconciler.reconcileOnce();
          await world.clock.advance(30_000);
          expect(world.loaded()).toEqual(loaded);
          expect(world.active()).toEqual(active);
        });
      },
    ),
    { numRuns: 150 },
  );
});

test("a scan that finds nothing new writes nothing, in this life and in the next", async () => {
  await fc.assert(
    fc.asyncProperty(moments, async (steps) => {
      const world = createWorld();
      await living(world, async (reconciler) => {
        for (const part of steps.flat()) world.apply(part);
        await reconciler.reconcileOnce();
        await world.clock.advance(30_000);
        const [changes, reads] = [world.registry.changes.length, world.watched.reads.length];
        await reconciler.reconcileOnce();
        await reconciler.reconcileOnce();
        expect(world.registry.changes.length).toBe(changes);
        expect(world.watched.reads.length).toBe(reads);
      });
      const [changes, loaded] = [world.registry.changes.length, world.loaded()];
      await living(world, async (reconciler) => reconciler.reconcileOnce());
      expect(world.registry.changes.length).toBe(changes);
      expect(world.loaded()).toEqual(loaded);
    }),
    { numRuns: 150 },
  );
});

test("a folder that cannot be listed, or is on another device, unloads nothing", async () => {
  await fc.assert(
    fc.asyncProperty(moments, fc.boolean(), async (steps, isMissing) => {
      const world = createWorld();
      await living(world, async (reconciler) => {
        for (const part of steps.flat()) world.apply(part);
        await reconciler.reconcileOnce();
        await world.clock.advance(30_000);
        const loaded = world.loaded();
        if (isMissing) world.watched.errors.set("/w", { code: "WATCH_UNREADABLE", message: "gone", hint: "" });
        else world.watched.devices.set("/w", 2);
        await reconciler.reconcileOnce();
        expect(world.loaded()).toEqual(loaded);
        world.watched.errors.clear();
        world.watched.devices.clear();
        await reconciler.reconcileOnce();
        expect(world.loaded()).toEqual(loaded);
        await reconciler.setFolders(["/x"]);
        expect([...world.registry.files.values()].every(({ location }) => location.folder === "/x")).toBe(true);
      });
    }),
    { numRuns: 150 },
  );
});
