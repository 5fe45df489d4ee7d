import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createClient } from "../../src/client/client.ts";
import { eventually } from "../support/eventually.ts";
import { endProcessesOf, processesOf } from "../support/processes-of.ts";

const project = resolve(import.meta.dirname, "../..");
const parts = [
  "src",
  "scripts",
  "packages-example",
  "build.mjs",
  "package.json",
  "tsconfig.json",
  "tsconfig.build.json",
];

/** A checkout after `npm ci`: nothing is built. */
let checkout: string;
beforeAll(() => {
  checkout = mkdtempSync(join(tmpdir(), "cascade-checkout-"));
  for (const part of parts) cpSync(join(project, part), join(checkout, part), { recursive: true });
  symlinkSync(join(project, "node_modules"), join(checkout, "node_modules"));
});
afterAll(async () => {
  await endProcessesOf(checkout);
  rmSync(checkout, { recursive: true, force: true });
});

interface Started {
  stderr(): string;
  /** The names of the loaded packages, once the daemon serves. */
  loaded(): Promise<(string | null)[]>;
  /** Ctrl-C of a terminal: everything in the foreground gets the signal. Resolves when nothing is left. */
  interrupt(): Promise<void>;
}

function npmStart(...args: string[]): Started {
  const child = spawn("npm", ["start", "--silent", ...args], {
    cwd: checkout,
    env: { PATH: process.env["PATH"], HOME: checkout },
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const data = args.at(-1) ?? join(checkout, ".cascade");
  const client = createClient(join(data, "cascade.sock"));
  return {
    stderr: () => stderr,
    loaded: () =>
      eventually(
        async () => {
          if (child.exitCode !== null) throw new Error(stderr);
          expect((await client.status()).state).toBe("running");
          return (await client.packages()).map(({ name }) => name).sort();
        },
        { timeoutMs: 90_000, everyMs: 50 },
      ),
    async interrupt() {
      client.close();
      process.kill(-child.pid!, "SIGINT");
      await eventually(() => processesOf(checkout).length === 0, { everyMs: 50 });
    },
  };
}

const examples = ["daily-etl", "flaky-retry", "hello", "nightly-backup"];

test("npm start builds, packs the examples and runs them, ends by Ctrl-C with nothing left running, and starts again", async () => {
  const first = npmStart();
  expect(await first.loaded()).toEqual(examples);
  expect(first.stderr()).toContain("building");
  await first.interrupt();
  expect(first.stderr()).toContain('"event":"daemon.stopped"');
  expect(first.stderr()).not.toContain("daemon.killing");

  const store = () => readdirSync(join(checkout, ".cascade/store")).sort();
  const builtAt = () => statSync(join(checkout, "dist/cli/main.js")).mtimeMs;
  const before = { store: store(), builtAt: builtAt() };
  const second = npmStart();
  expect(await second.loaded()).toEqual(examples);
  expect({ store: store(), builtAt: builtAt() }).toEqual(before);
  await second.interrupt();
});

test("npm start takes another data folder", async () => {
  const data = join(checkout, "elsewhere");
  const started = npmStart("--", "--data", data);
  expect(await started.loaded()).toEqual(examples);
  expect(existsSync(join(data, "cascade.db"))).toBe(true);
  await started.interrupt();
});
