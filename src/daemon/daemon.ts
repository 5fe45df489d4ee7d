import { randomUUID } from "node:crypto";
import { fstatSync } from "node:fs";
import { homedir } from "node:os";
import { setFlagsFromString } from "node:v8";
import { consoleKindOf } from "../adapters/logging/console-kind.ts";
import { createLogging } from "../adapters/logging/logging.ts";
import { takeLock } from "../adapters/sqlite/lock.ts";
import { openStore } from "../adapters/sqlite/store.ts";
import { errorCatalogue, exitCodes } from "../kernel/error-catalogue.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import { accountOf } from "./account.ts";
import { configFrom } from "./config.ts";
import { type ConfigSource, hostFacts, loadConfig } from "./config-file.ts";
import { crashPointFrom } from "./crash.ts";
import {
  dataFolderAt,
  dataFolderOfDaemon,
  historyIn,
  markFolderOf,
  prepareDataFolder,
  socketPathOf,
} from "./data-folder.ts";
import { createLife } from "./life.ts";
import { createNotifier, systemdNotify } from "./notify.ts";
import { installSignals } from "./signals.ts";
import { systemClock } from "./system-clock.ts";
import { createTerminal } from "./terminal.ts";
import { programVersion } from "./version.ts";

export interface DaemonOptions {
  data?: string | undefined;
  /** Added to the folders of the configuration, for the life of the process. */
  watch: readonly string[];
  config?: string | undefined;
}

/** Nobody but the daemon's user reads what it writes; tasks get the umask it was started with. */
const DAEMON_UMASK = 0o077;

/**
 * Runs the daemon in this process until it is told to end; resolves to its exit code. Throws a coded error when it cannot
 * begin: bad configuration, a data folder that cannot be used, a lock that another daemon holds.
 */
export async function runDaemon(options: DaemonOptions): Promise<number> {
  // V8 collects the garbage of a resting process twice, 25 ms of processor time each; the second finds nothing.
  setFlagsFromString("--memory-reducer-single-gc");
  const clock = systemClock;
  const umask = process.umask(DAEMON_UMASK);
  const around = { environment: process.env, workingDir: process.cwd(), home: homedir() };
  const data = dataFolderAt(dataFolderOfDaemon({ flag: options.data, ...around }).root);
  const socket = socketPathOf(data.root, process.env);
  const flags = { watch: options.watch, config: options.config };
  const source: ConfigSource = { ...around, flags, facts: hostFacts(data, process.env), uid: process.geteuid?.() ?? 0 };
  const started = loadConfig(source);
  const { log } = configFrom(started.values);
  const crashPoint = crashPointFrom(process.env["CASCADE_CRASH_AT"]);

  prepareDataFolder(data, socket);
  const lock = takeLock(data.lock);
  crashPoint("lock-taken");
  const consoleKind = consoleKindOf({
    journalStream: process.env["JOURNAL_STREAM"],
    stdout: fstatSync(process.stdout.fd),
    stderrIsTerminal: process.stderr.isTTY,
  });
  const logging = await createLogging({
    ...log,
    console: consoleKind,
    colour: process.env["NO_COLOR"] === undefined,
    stdout: process.stdout,
    stderr: process.stderr,
    clock,
  });
  const notifier = createNotifier({
    environment: process.env,
    pid: process.pid,
    clock,
    logger: logging.logger.child("notify"),
    monotonicUs: () => process.hrtime.bigint() / 1_000n,
    send: systemdNotify(process.env),
  });
  let exit = exitCodes.ok as number;
  try {
    const store = openStore({ file: data.database, now: clock.now(), crashPoint, begun: historyIn(data) });
    const life = createLife({
      bootId: randomUUID(),
      version: programVersion(),
      pid: process.pid,
      data,
      socket,
      markFolder: markFolderOf(around),
      source,
      started,
      store,
      logging,
      notifier,
      clock,
      crashPoint,
      environment: process.env,
      umask,
      withUmask(mask, action) {
        const before = process.umask(mask);
        try {
          return action();
        } finally {
          process.umask(before);
        }
      },
    });
    const uninstall = installSignals(process, life, createTerminal(), clock);
    try {
      // The storage can fail while it starts.
      await Promise.race([life.start(), life.ended]);
      if (consoleKind !== "journal") tell(await accountOf(life.application, clock.now()));
      await life.ended;
    } finally {
      uninstall();
    }
  } catch (error) {
    const failure = toCascadeError(error);
    logging.logger.error({ event: "daemon.failed", err: failure }, failure.message);
    exit = exitCodes[errorCatalogue[failure.code].exit];
    // Without a terminal the log line alone tells; with one, the command line prints the error with its fix.
    if (failure instanceof CascadeError && consoleKind === "terminal") throw failure;
  } finally {
    await logging.close();
    lock.release();
  }
  return exit;
}

/** Not into stderr, which whoever is no terminal reads as JSON lines. */
function tell(text: string): void {
  // A command ends with its reader, such as `head`; a daemon outlives it.
  process.stdout.removeAllListeners("error").on("error", () => undefined);
  process.stdout.write(text);
}
