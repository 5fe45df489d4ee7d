import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { dataFolder, type DaemonProcess, spawnDaemon } from "./daemon-process.ts";
import { eventually } from "./eventually.ts";
import { OUTSIDE_LOG } from "./load-packages.ts";
import { makeOpensslKey, opensslSigner } from "./openssl-signer.ts";
import { tinyPackage } from "./tiny-package.ts";

export interface DriverOptions {
  /** The folder that `packLoad` has filled. */
  packages: string;
  /** Each changed configuration also changes how many ended runs are kept. */
  retention?: boolean;
  /** Proofs are signed by a command whose key lies outside of the data folder. */
  signer?: boolean;
}

/** Drives lives of a daemon on one data folder under everything that makes it work, and keeps account. */
export interface LoadDriver {
  readonly data: string;
  readonly acknowledged: readonly string[];
  outsideLog(): string;
  /** Starts the daemon, which ends itself at the n-th passage of a crash point when one is named. */
  start(crashAt?: string): DaemonProcess;
  /**
   * Asks for one of everything: runs of each workflow, a new package, a changed configuration. Resolves when the first run
   * has ended or the daemon has.
   */
  ask(daemon: DaemonProcess): Promise<void>;
  /** Waits until nothing is unfinished, then ends the daemon cleanly. */
  finish(daemon: DaemonProcess): Promise<void>;
}

const WORKFLOWS = ["load/chain", "load/flaky", "shell/shell"];

export function loadDriver(options: DriverOptions): LoadDriver {
  const data = dataFolder();
  // Outside of the data folder, so that only processes of the daemon bear the data folder's name.
  const outside = mkdtempSync(join(tmpdir(), "cascade-outside-"));
  onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
  const watched = join(data, "packages");
  const log = join(outside, "log");
  const config = join(outside, "cascade.toml");
  const key = join(outside, "key.pem");
  const publicKey = join(outside, "key.pub.pem");
  const acknowledged: string[] = [];
  let round = 0;
  mkdirSync(watched);
  writeFileSync(log, "");
  if (options.signer) makeOpensslKey(key, publicKey);
  for (const name of readdirSync(options.packages)) cpSync(join(options.packages, name), join(watched, name));

  function writeConfig(): void {
    const keep = options.retention ? `[retention]\nrun_count = ${1 + (round % 2)}\n` : "";
    const signer = options.signer ? opensslSigner(key, publicKey) : "";
    writeFileSync(config, `concurrency = ${2 + (round % 3)}\ndrain = "10s"\nscan_interval = "200ms"\n${keep}${signer}`);
  }

  function dropPackage(): void {
    const { bytes } = tinyPackage({ name: `extra-${round}`, body: `export default ${round};\n` });
    const partial = join(outside, "partial");
    writeFileSync(partial, bytes);
    renameSync(partial, join(watched, `extra-${round}-1.0.0.cascade`));
  }

  /** The daemon may go away at any of these. */
  async function unlessGone(daemon: DaemonProcess, request: () => Promise<void>): Promise<void> {
    try {
      await request();
    } catch (error) {
      // Its end is noticed a moment after its socket has gone.
      await eventually(() => daemon.hasEnded(), { timeoutMs: 2_000 }).catch(() => {
        throw error;
      });
    }
  }

  return {
    data,
    acknowledged,
    outsideLog: () => readFileSync(log, "utf8"),
    start(crashAt) {
      writeConfig();
      const environment = { [OUTSIDE_LOG]: log, ...(crashAt === undefined ? {} : { CASCADE_CRASH_AT: crashAt }) };
      return spawnDaemon({ data, config, environment });
    },
    async ask(daemon) {
      round++;
      dropPackage();
      writeConfig();
      await unlessGone(daemon, async () => {
        const runs: string[] = [];
        for (const workflow of WORKFLOWS) {
          const { id } = await daemon.client.startRun({ workflow, params: {} });
          acknowledged.push(id);
          runs.push(id);
        }
        daemon.signal("SIGHUP");
        await eventually(async () => daemon.hasEnded() || (await daemon.client.run(runs[0]!)).endedAt !== null, {
          timeoutMs: 20_000,
        });
      });
    },
    async finish(daemon) {
      await daemon.client.pauseSchedule("load/tick/each-second");
      await eventually(
        async () => {
          const { runs } = await daemon.client.status();
          return runs.queued + runs.running === 0;
        },
        { timeoutMs: 30_000, what: "every run has ended" },
      );
      if (options.signer) {
        await eventually(async () => (await daemon.client.tlog()).waiting === 0, {
          timeoutMs: 30_000,
          what: "every statement is signed and in a head",
        });
      }
      const { code } = await daemon.stop();
      if (code !== 0) throw new Error(`the daemon ended with ${code}: ${daemon.stderr()}`);
    },
  };
}
