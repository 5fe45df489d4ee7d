import { mkdirSync, renameSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type EventStream, openEvents } from "../event-stream.ts";
import { type Daemon, startDaemon } from "../daemon.ts";
import type { Bench, Figure } from "../figure.ts";
import { lay, packWorkflow, type PackageFile, renamed } from "../packages.ts";
import { watchRunEnds } from "../run-ends.ts";
import { monotonicMs, pause, percentile } from "../statistics.ts";

const PRESENT = 20;
const DROPS = 200;
const AT_ONCE = 1_000;

const source = `import { workflow } from "cascaded";
import { z } from "zod";
export default workflow("flow", { params: z.object({ name: z.string().default("world") }) })
  .task("greet", ({ params }) => ({ text: "Hello, " + params.name }));
`;

export const drop: Figure = {
  key: "drop",
  title: `rename of a package into the folder to loaded, ${PRESENT} packages present, ${DROPS} times`,
  measure: (bench) =>
    besideOthers(bench, async ({ daemon, events, original, incoming }) => {
      const ends = watchRunEnds(events, daemon.client);

      /** Puts a package there, runs it at once, and takes it away again, so that each drop meets the same folder. */
      async function dropOne({ name, digest, bytes }: PackageFile): Promise<number> {
        const waiting = join(incoming, name);
        const target = join(daemon.packages, `${name}.cascade`);
        writeFileSync(waiting, bytes);
        // At no fixed distance from the daemon's own timers.
        await pause(20 + Math.random() * 40);
        const loaded = registryEvent(events, "package.loaded", digest);
        const began = monotonicMs();
        renameSync(waiting, target);
        await loaded;
        const elapsed = monotonicMs() - began;
        const { id } = await daemon.client.startRun({ workflow: `${name}/flow`, params: {} });
        await ends.of(id);
        const unloaded = registryEvent(events, "package.unloaded", digest);
        unlinkSync(target);
        await unloaded;
        return elapsed;
      }

      const samples: number[] = [];
      for (let index = 0; index < DROPS; index++) {
        samples.push(await dropOne(await renamed(original, `dropped-${index}`)));
      }
      return { drop: percentile(samples, 50), drop_p99: percentile(samples, 99) };
    }),
};

export const dropMany: Figure = {
  key: "drop_1000",
  title: `the same for ${AT_ONCE} packages at once, until all are loaded`,
  measure: (bench) =>
    besideOthers(bench, async ({ daemon, events, original, incoming }) => {
      const names = Array.from({ length: AT_ONCE }, (_, index) => `many-${index}`);
      for (const name of names) writeFileSync(join(incoming, name), (await renamed(original, name)).bytes);
      let left = AT_ONCE;
      const loaded = events.next(
        (message) => message.startsWith("event: package.loaded") && --left === 0,
        "all are loaded",
      );
      const began = monotonicMs();
      for (const name of names) renameSync(join(incoming, name), join(daemon.packages, `${name}.cascade`));
      await loaded;
      return { drop_1000: (monotonicMs() - began) / 1_000 };
    }),
};

interface Scene {
  daemon: Daemon;
  events: EventStream;
  original: PackageFile;
  /** A folder on the disk of the watched one. */
  incoming: string;
}

async function besideOthers<Result>(bench: Bench, act: (scene: Scene) => Promise<Result>): Promise<Result> {
  const data = join(bench.folder, "data");
  const incoming = join(bench.folder, "incoming");
  mkdirSync(incoming);
  const original = packWorkflow(bench.root, bench.folder, "original", source);
  for (let index = 0; index < PRESENT; index++) {
    lay(join(data, "packages"), await renamed(original, `present-${index}`));
  }
  const daemon = await startDaemon({ ...bench, data });
  try {
    const events = await openEvents(daemon.socket);
    const result = await act({ daemon, events, original, incoming });
    events.close();
    return result;
  } finally {
    await daemon.stop();
  }
}

function registryEvent(events: EventStream, name: string, digest: string): Promise<unknown> {
  return events.next(
    (message) => message.startsWith(`event: ${name}`) && message.includes(digest),
    `${name} of ${digest}`,
  );
}
