import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync, statSync } from "node:fs";
import type { StatusView } from "../app/views.ts";
import { CascadeError, type ErrorView, errorView, toCascadeError } from "../kernel/errors.ts";
import { listFolder } from "../adapters/filesystem/folder-listing.ts";
import { readProofKey } from "../adapters/signing/local-signer.ts";
import { createTlogKeys } from "../adapters/signing/tlog-keys.ts";
import type { Store } from "../ports/store.ts";
import { signerOf } from "../proofs/tlog/open-log.ts";
import { hostFacts, loadConfig, type LoadedConfig } from "./config-file.ts";
import { readDaemonFile } from "./daemon-file.ts";
import { configOfDaemon } from "./daemon-view.ts";
import { checkRights, type DataFolder, dataFolderAt, fileSystemDoubt, historyIn } from "./data-folder.ts";
import { diskRoom, megabytes } from "./disk.ts";
import { openDatabase } from "./offline.ts";
import { SYSTEM_UNIT } from "./systemd-install.ts";

/** One line of `cascade doctor`. */
export interface Check {
  /** `fail`: Cascade cannot work so. `warn`: it can, but somebody should look. */
  verdict: "ok" | "warn" | "fail";
  name: string;
  message: string;
  /** What to do; null when there is nothing to do. */
  fix: string | null;
}

export interface DoctorFacts {
  environment: Readonly<Record<string, string | undefined>>;
  workingDir: string;
  home: string;
  uid: number;
  /** Without the leading `v`. */
  nodeVersion: string;
  now: number;
  /** The data folder, and the socket of its daemon. */
  root: string;
  socket: string;
  /** Null when no daemon answered. */
  status: StatusView | null;
  /** Why none answered. */
  unreachable: unknown;
  rejected: readonly { file: string; error: ErrorView }[];
}

/** Looks at everything that a daemon on this data folder depends on, with what a start itself refuses for. Changes nothing. */
export async function examine(facts: DoctorFacts): Promise<Check[]> {
  const config = readConfig(facts);
  return [
    checkNode(facts.nodeVersion),
    checkClock(facts.now),
    checkFolder(facts.root),
    await checkDisk(facts.root),
    config.check,
    ...(await startChecks(facts, config.loaded)),
    ...checkDaemon(facts),
    ...checkContainment(facts.status),
    ...facts.rejected.map(({ file, error }) =>
      check("warn", "package", `${file}: ${error.code}: ${error.message}`, error.hint),
    ),
    ...checkUnit(),
  ];
}

/** What a start would refuse for, one after the other: each by the function that the start itself asks. */
async function startChecks({ root, uid, status }: DoctorFacts, config: LoadedConfig | null): Promise<Check[]> {
  const data = dataFolderAt(root);
  if (!existsSync(root)) return [];
  const doubt = fileSystemDoubt(data);
  const found = [
    ...(doubt === null ? [] : [check("warn", "folders", doubt)]),
    await attempt("folders", "the daemon may work in each of its folders", () => checkRights(data)),
    await attempt("keys", "the key that signs proofs can be used", () => {
      if (!config?.signer) readProofKey(data.keys);
    }),
    ...(await databaseChecks(data)),
  ];
  // A living daemon tells of its folders itself.
  if (status || !config) return found;
  const rights = { allowUnsafe: config.values.allow_unsafe, ownUid: uid };
  for (const folder of config.values.watch) {
    const { listing } = await listFolder(folder, rights);
    found.push(listing.error ? failed("watch", listing.error) : check("ok", "watch", folder));
  }
  return found;
}

async function databaseChecks(data: DataFolder): Promise<Check[]> {
  const begun = historyIn(data);
  if (!existsSync(data.database) && begun === null) return [];
  let store: Store;
  try {
    store = openDatabase(data);
  } catch (error) {
    return [failed("database", error)];
  }
  try {
    const sound = await attempt("database", `${data.database} is sound`, () => store.checkIntegrity("quick"));
    if (sound.verdict === "fail") return [sound];
    const tlog = await store.tlog();
    if (!tlog) return [sound];
    const keys = createTlogKeys(data.keys);
    return [sound, await attempt("keys", `the log ${tlog.origin} can be signed`, () => signerOf(tlog, { keys }))];
  } catch (error) {
    return [failed("database", error)];
  } finally {
    await store.close();
  }
}

async function attempt(name: string, fine: string, look: () => unknown): Promise<Check> {
  try {
    await look();
    return check("ok", name, fine);
  } catch (error) {
    return failed(name, error);
  }
}

function failed(name: string, error: unknown): Check {
  const { code, message, hint } = error instanceof Error ? errorView(error) : (error as ErrorView);
  return check("fail", name, `${code}: ${message}`, hint);
}

function check(verdict: Check["verdict"], name: string, message: string, fix: string | null = null): Check {
  return { verdict, name, message, fix };
}

/** The range of package.json. */
function checkNode(version: string): Check {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 13) || major >= 24;
  return fits
    ? check("ok", "node", `Node ${version}`)
    : check("fail", "node", `Node ${version} is not supported`, "Use Node 20.19, 22.13 or 24 and later.");
}

const CLOCK_MIN = Date.UTC(2025, 0, 1);

function checkClock(now: number): Check {
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  const at = `${new Date(now).toISOString()}, zone ${timeZone}`;
  return now >= CLOCK_MIN
    ? check("ok", "clock", at)
    : check("fail", "clock", `the clock says ${at}`, "Set the clock: schedules follow it.");
}

function checkFolder(root: string): Check {
  const stat = statSync(root, { throwIfNoEntry: false });
  if (!stat) return check("warn", "data", `${root} is not there yet`, "`cascade daemon` makes it.");
  if (!stat.isDirectory()) return check("fail", "data", `${root} is not a folder`, "Name another one with --data.");
  const mode = (stat.mode & 0o777).toString(8).padStart(4, "0");
  return (stat.mode & 0o022) === 0
    ? check("ok", "data", `${root} (mode ${mode})`)
    : check("fail", "data", `others may write to ${root} (mode ${mode})`, `Run \`chmod go-w '${root}'\`.`);
}

async function checkDisk(root: string): Promise<Check> {
  try {
    const { freeBytes, totalBytes, lack } = await diskRoom(existsSync(root) ? root : "/");
    return lack === null
      ? check("ok", "disk", `${megabytes(freeBytes)} of ${megabytes(totalBytes)} are free`)
      : check("fail", "disk", lack, "Free disk space, or remove files where inodes are named: no new run starts.");
  } catch (error) {
    return check("warn", "disk", `the free space is not known: ${toCascadeError(error).message}`);
  }
}

function readConfig(facts: DoctorFacts): { check: Check; loaded: LoadedConfig | null } {
  const { root, environment, workingDir, home, uid, status } = facts;
  try {
    const data = dataFolderAt(root);
    const flags = { watch: [], config: configOfDaemon(data, undefined) };
    const loaded = loadConfig({ environment, workingDir, home, uid, flags, facts: hostFacts(data, environment) });
    const { file, trust, values } = loaded;
    const policy = trust ? `trust policy ${values.trust}` : policyOfDaemon(data);
    const place = file.exists ? file.path : `no ${file.path}: defaults`;
    const refused = status?.config.error;
    if (refused)
      return {
        check: check("fail", "config", `the last reload was refused: ${refused.message}`, refused.hint),
        loaded,
      };
    return { check: check("ok", "config", `${place}; ${policy}`), loaded };
  } catch (error) {
    const { message, hint } = errorView(error);
    return { check: check("fail", "config", message, hint), loaded: null };
  }
}

/** The environment of the daemon may name a policy that that of a command does not. */
function policyOfDaemon(data: DataFolder): string {
  const inForce = readDaemonFile(data.daemonFile)?.trust;
  return inForce ? `trust policy ${inForce}` : "no trust policy: unsigned packages are loaded";
}

function checkDaemon({ root, socket, status, unreachable }: DoctorFacts): Check[] {
  if (!status) return [checkAbsent(root, socket, unreachable)];
  const { state, pid, watch, warnings, tlog } = status;
  return [
    check("ok", "daemon", `${state}, pid ${pid}, version ${status.version}, on ${socket}`),
    ...watch.map(({ dir, ok, error }) =>
      ok ? check("ok", "watch", dir) : check("fail", "watch", `${dir}: ${error?.message}`, error?.hint ?? null),
    ),
    tlog.error
      ? check("fail", "tlog", `${tlog.error.code}: ${tlog.error.message}`, tlog.error.hint)
      : check("ok", "tlog", tlog.state),
    ...warnings.map((warning) => check("warn", "daemon", warning)),
  ];
}

/** What becomes of what tasks start. */
function checkContainment(status: StatusView | null): Check[] {
  if (!status?.pid || status.containment === null) return [];
  const checks =
    status.containment === "cgroup"
      ? [check("ok", "isolation", "what a task starts ends with it: each task process has a control group")]
      : [
          check(
            "warn",
            "isolation",
            "what a task starts is ended by process group, tree and marker: a program that clears its environment and leaves its session lives on",
            "Run it where control groups (cgroup v2) are delegated: as the shipped systemd unit, or in a container that may write to /sys/fs/cgroup.",
          ),
        ];
  if (status.pid === 1) checks.push(checkZombies(zombiesOf(status.pid)));
  return checks;
}

function checkZombies(count: number): Check {
  return count === 0
    ? check("ok", "init", "the daemon is process 1, and nothing waits to be reaped")
    : check(
        "warn",
        "init",
        `the daemon is process 1, and ${count} ended processes that tasks have left wait to be reaped`,
        "Start the container with --init, or the daemon with `cascade-init cascade daemon`.",
      );
}

/** Ended processes whose parent it is, and that it has not asked how. */
function zombiesOf(parent: number): number {
  let count = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "latin1");
      const [state, ppid] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (state === "Z" && Number(ppid) === parent) count++;
    } catch {
      // Gone meanwhile.
    }
  }
  return count;
}

function checkAbsent(root: string, socket: string, unreachable: unknown): Check {
  const { code, message, hint } = errorView(unreachable);
  if (unreachable instanceof CascadeError && code !== "DAEMON_UNREACHABLE")
    return check("fail", "daemon", message, hint);
  const daemon = readDaemonFile(dataFolderAt(root).daemonFile);
  if (daemon && existsSync(`/proc/${daemon.pid}`)) {
    return check(
      "fail",
      "daemon",
      `process ${daemon.pid} is there and does not listen on ${socket}`,
      "Wait while it starts; else look at its log, end it, and start it again.",
    );
  }
  const left = daemon ? ` Its last one, pid ${daemon.pid}, ended without cleaning up.` : "";
  return check("warn", "daemon", `no daemon is running on ${root}.${left}`, "Start it with `cascade daemon`.");
}

/** Of the system's service, where one is installed. */
function checkUnit(): Check[] {
  if (!existsSync(SYSTEM_UNIT)) return [];
  const asked = spawnSync("systemctl", ["is-active", "cascade.service"], { encoding: "utf8", timeout: 5_000 });
  const state = asked.error ? "unknown" : asked.stdout.trim();
  return [
    state === "active"
      ? check("ok", "systemd", `${SYSTEM_UNIT} is active`)
      : check(
          "warn",
          "systemd",
          `${SYSTEM_UNIT} is ${state}`,
          "Run `systemctl status cascade`, then `systemctl start cascade`.",
        ),
  ];
}
