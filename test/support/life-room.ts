import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { onTestFinished } from "vitest";
import type { RunView } from "../../src/app/views.ts";
import { dataFolder, type DaemonProcess, spawnDaemon } from "./daemon-process.ts";
import { eventually } from "./eventually.ts";
import { OUTSIDE } from "./life-packages.ts";
import { type OutsideLine, parseOutsideLog } from "./load-packages.ts";

/** A data folder with packages, a configuration file and a place outside, and the daemons that a test starts on it. */
export interface LifeRoom {
  readonly data: string;
  readonly config: string;
  configure(toml: string): void;
  /** Starts a daemon and waits until it serves. */
  start(environment?: Readonly<Record<string, string>>): Promise<DaemonProcess>;
  spawn(environment?: Readonly<Record<string, string>>): DaemonProcess;
  /** Lets the gated tasks go on. */
  openGate(): void;
  /** What the tasks wrote outside. */
  lines(): OutsideLine[];
  /** Starts a run and waits until its first attempt runs. */
  begin(daemon: DaemonProcess, workflow: string): Promise<string>;
  /** Waits until the run has ended. */
  end(daemon: DaemonProcess, run: string): Promise<RunView>;
  /** The lines of the daemon's own log with this event, over all lives. */
  logged(event: string): Record<string, unknown>[];
}

export function lifeRoom(packages: readonly string[], toml = ""): LifeRoom {
  const data = dataFolder();
  // Outside of the data folder, whose name only processes of the daemon bear.
  const outside = mkdtempSync(join(tmpdir(), "cascade-outside-"));
  onTestFinished(() => rmSync(outside, { recursive: true, force: true }));
  const config = join(outside, "cascade.toml");
  mkdirSync(join(data, "packages"));
  for (const file of packages) copyFileSync(file, join(data, "packages", basename(file)));
  writeFileSync(config, toml);
  const spawn: LifeRoom["spawn"] = (environment = {}) =>
    spawnDaemon({ data, config, environment: { [OUTSIDE]: outside, ...environment } });
  const lines = () => {
    const log = join(outside, "log");
    return existsSync(log) ? parseOutsideLog(readFileSync(log, "utf8")) : [];
  };

  return {
    data,
    config,
    configure: (text) => writeFileSync(config, text),
    spawn,
    async start(environment) {
      const daemon = spawn(environment);
      await daemon.ready();
      return daemon;
    },
    openGate: () => writeFileSync(join(outside, "gate"), ""),
    lines,
    async begin(daemon, workflow) {
      const { id } = await daemon.client.startRun({ workflow, params: {} });
      await eventually(() => lines().some(({ run }) => run === id), { what: `an attempt of ${workflow} runs` });
      return id;
    },
    end: (daemon, run) =>
      eventually(async () => {
        const view = await daemon.client.run(run);
        return view.endedAt !== null && view;
      }),
    logged(event) {
      const logs = join(data, "logs");
      if (!existsSync(logs)) return [];
      return readdirSync(logs)
        .filter((name) => name.endsWith(".log"))
        .sort()
        .flatMap((name) => readFileSync(join(logs, name), "utf8").split("\n"))
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>)
        .filter((line) => line["event"] === event);
    },
  };
}
