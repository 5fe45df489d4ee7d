import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Surroundings } from "./config-file.ts";
import { dataFolderAt, dataFolderOfDaemon } from "./data-folder.ts";
import {
  type HostFacts,
  type InstallFacts,
  SERVICE_GROUP,
  SYSTEM_CONFIG,
  SYSTEM_PACKAGES,
  SYSTEM_UNIT,
  userUnit,
} from "./systemd-install.ts";

/** What a plan for this host depends on. */
export function hostFacts(around: Surroundings & { user: boolean; uid: number }): HostFacts {
  const { environment, home, user } = around;
  const userConfigHome = environment["XDG_CONFIG_HOME"] || join(home, ".config");
  const runtime = environment["XDG_RUNTIME_DIR"];
  const group = spawnSync("getent", ["group", SERVICE_GROUP], { encoding: "utf8" });
  // The user's manager hands neither CASCADE_DATA nor a flag to the service.
  const state = { XDG_STATE_HOME: environment["XDG_STATE_HOME"] };
  const userData = dataFolderOfDaemon({ ...around, flag: undefined, environment: state }).root;
  return {
    user,
    isRoot: around.uid === 0,
    managerRuns: existsSync(user ? join(runtime || "/nonexistent", "systemd", "private") : "/run/systemd/system"),
    unitExists: existsSync(user ? userUnit({ userConfigHome }) : SYSTEM_UNIT),
    groupExists: group.status === 0,
    groupHasMembers: group.status === 0 && group.stdout.trim().split(":")[3] !== "",
    configText: existsSync(SYSTEM_CONFIG) ? readFileSync(SYSTEM_CONFIG, "utf8") : null,
    packagesHoldFiles: existsSync(SYSTEM_PACKAGES) && readdirSync(SYSTEM_PACKAGES).length > 0,
    userConfigHome,
    userPackages: dataFolderAt(userData).packages,
  };
}

/** `program` is the file that was started: the entry of the command line. */
export function installFacts(
  around: Surroundings & { user: boolean; uid: number; nodePath: string; program: string; runAs: string | null },
): InstallFacts {
  const template = (name: string) =>
    readFileSync(fileURLToPath(new URL(`../../systemd/${name}`, import.meta.url)), "utf8");
  return {
    ...hostFacts(around),
    runAs: around.runAs === null ? null : { name: around.runAs, home: homeOf(around.runAs) },
    nodePath: realpathSync(around.nodePath),
    programPath: realpathSync(around.program),
    templates: { system: template("cascade.service"), user: template("cascade-user.service") },
    closedPart,
  };
}

function homeOf(account: string): string | null {
  const found = spawnSync("getent", ["passwd", account], { encoding: "utf8" });
  return found.status === 0 ? (found.stdout.trim().split(":")[5] ?? null) : null;
}

const OTHERS_READ = 0o004;
const OTHERS_ENTER = 0o001;

/** The first folder on the way that others may not enter, or the file itself when they may not read it. */
function closedPart(path: string): string | null {
  const folders: string[] = [];
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    folders.unshift(folder);
    if (folder === dirname(folder)) break;
  }
  const closed = folders.find((folder) => (statSync(folder).mode & OTHERS_ENTER) === 0);
  return closed ?? ((statSync(path).mode & OTHERS_READ) === 0 ? path : null);
}
