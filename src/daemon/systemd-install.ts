import { dirname, join } from "node:path";
import { type Problem, problem } from "../kernel/errors.ts";

export type PlanStep =
  | { do: "run"; argv: readonly string[] }
  /** Created with this mode when it is missing. */
  | { do: "folder"; path: string; mode: number }
  | { do: "file"; path: string; content: string; mode: number }
  | { do: "remove"; path: string }
  | { do: "remove-if-empty"; path: string };

export interface SystemdPlan {
  /** In order. Doing them twice changes nothing more. */
  steps: readonly PlanStep[];
  /** Why it must not be applied. */
  problems: readonly Problem[];
  /** What to tell afterwards. */
  notes: readonly string[];
}

/** What a plan depends on. */
export interface HostFacts {
  /** For the user's manager instead of the system's. */
  user: boolean;
  isRoot: boolean;
  /** Whether a manager is there to be told. */
  managerRuns: boolean;
  unitExists: boolean;
  groupExists: boolean;
  groupHasMembers: boolean;
  /** Text of the system's `cascade.toml`, null when there is none. */
  configText: string | null;
  packagesHoldFiles: boolean;
  userConfigHome: string;
  /** The watched folder of the user's daemon. */
  userPackages: string;
}

/** Where the system's service keeps what people touch. */
export const SYSTEM_PACKAGES = "/srv/cascade/packages";
export const SERVICE_GROUP = "cascade";
export const SYSTEM_UNIT = "/etc/systemd/system/cascade.service";
export const SYSTEM_CONFIG = "/etc/cascade/cascade.toml";

/** Folders that `ProtectHome`, `PrivateTmp` and `PrivateDevices` of the unit put out of the service's sight. */
const HIDDEN_FROM_SERVICE = ["/home", "/root", "/run/user", "/tmp", "/var/tmp", "/dev"];

export interface InstallFacts extends HostFacts {
  /** The account that the system's service runs as instead of one of its own; null for that. */
  runAs: RunAs | null;
  /** The running Node and program, links resolved. */
  nodePath: string;
  programPath: string;
  /** Text of the shipped unit files. */
  templates: { system: string; user: string };
  /** The first part of a path that not everybody may enter or read, or null. */
  closedPart: (path: string) => string | null;
}

export interface RunAs {
  name: string;
  /** Null when there is no such account. */
  home: string | null;
}

/** What `cascade systemd install` does, as data: to be shown, refused because of its problems, or applied. */
export function planInstall(facts: InstallFacts): SystemdPlan {
  return facts.user ? planUserInstall(facts) : planSystemInstall(facts);
}

function planSystemInstall(facts: InstallFacts): SystemdPlan {
  const steps: PlanStep[] = [];
  if (!facts.groupExists) steps.push({ do: "run", argv: ["groupadd", "--system", SERVICE_GROUP] });
  steps.push({ do: "folder", path: "/srv/cascade", mode: 0o755 });
  // Files dropped there get the group from the folder, so that the service may read them.
  steps.push({ do: "run", argv: ["install", "-d", "-o", "root", "-g", SERVICE_GROUP, "-m", "2775", SYSTEM_PACKAGES] });
  steps.push({ do: "folder", path: dirname(SYSTEM_CONFIG), mode: 0o755 });
  if (facts.configText === null)
    steps.push({ do: "file", path: SYSTEM_CONFIG, content: SYSTEM_CONFIG_TEXT, mode: 0o644 });
  steps.push({ do: "file", path: SYSTEM_UNIT, content: systemUnit(facts), mode: 0o644 });
  if (facts.managerRuns) steps.push({ do: "run", argv: ["systemctl", "daemon-reload"] });
  const kept =
    facts.configText === null || facts.configText === SYSTEM_CONFIG_TEXT ? [] : [`${SYSTEM_CONFIG} is kept as it is.`];
  return {
    steps,
    problems: [...rootProblem(facts), ...accountProblem(facts), ...(facts.runAs ? [] : sandboxProblems(facts))],
    notes: [
      ...kept,
      `Start it now and at each boot: systemctl enable --now cascade`,
      `Drop packages into ${SYSTEM_PACKAGES}, as root or as a member of the group ${SERVICE_GROUP}`,
      `(usermod -aG ${SERVICE_GROUP} NAME, then log in again); the group must be able to read them: chmod g+r FILE`,
      `Configuration: ${SYSTEM_CONFIG}, applied by: systemctl reload cascade`,
    ],
  };
}

/** With an account of a person the jobs of its crontab find what they found before: its home, its files, its rights. */
function systemUnit(facts: InstallFacts): string {
  const text = unitText(facts.templates.system, facts);
  if (!facts.runAs) return text;
  const { name, home } = facts.runAs;
  return text
    .replace(/^# The user is not called.*\nDynamicUser=yes\nUser=.*$/m, () => `User=${name}`)
    .replace(/^ProtectHome=yes$/m, "ProtectHome=no")
    .replace(/^PrivateUsers=yes$/m, "PrivateUsers=no")
    .replace(/^ReadWritePaths=-\/srv\/cascade$/m, (line) => `${line}\nReadWritePaths=-${unitWord(home ?? "")}`);
}

function accountProblem({ runAs }: InstallFacts): Problem[] {
  if (!runAs || runAs.home !== null) return [];
  return [problem("USAGE", "--run-as", `there is no account ${runAs.name}`, "Name one that `getent passwd` shows.")];
}

function planUserInstall(facts: InstallFacts): SystemdPlan {
  const folders: PlanStep[] = [dirname(userUnit(facts)), facts.userPackages].map((path) => ({
    do: "folder",
    path,
    mode: 0o700,
  }));
  const unit: PlanStep = {
    do: "file",
    path: userUnit(facts),
    content: unitText(facts.templates.user, facts),
    mode: 0o644,
  };
  const reload: PlanStep[] = facts.managerRuns ? [{ do: "run", argv: ["systemctl", "--user", "daemon-reload"] }] : [];
  return {
    steps: [...folders, unit, ...reload],
    problems: [],
    notes: [
      `Start it now and at each login: systemctl --user enable --now cascade`,
      `Let it run without a login: loginctl enable-linger`,
      `Drop packages into ${facts.userPackages}`,
    ],
  };
}

/** What `cascade systemd uninstall` does: undoes the installation as far as nothing of a person's is in it, and leaves data. */
export function planUninstall(facts: HostFacts): SystemdPlan {
  const unit = facts.user ? userUnit(facts) : SYSTEM_UNIT;
  const manager = facts.user ? ["systemctl", "--user"] : ["systemctl"];
  const steps: PlanStep[] = [];
  if (facts.managerRuns && facts.unitExists)
    steps.push({ do: "run", argv: [...manager, "disable", "--now", "cascade.service"] });
  if (facts.unitExists) steps.push({ do: "remove", path: unit });
  // What `disable` would have taken away.
  if (facts.user && !facts.managerRuns)
    steps.push({ do: "remove", path: join(dirname(unit), "default.target.wants", "cascade.service") });
  if (facts.managerRuns) steps.push({ do: "run", argv: [...manager, "daemon-reload"] });
  if (facts.user) {
    const alone = facts.managerRuns
      ? []
      : ["No manager of this user could be reached: a service that runs goes on until you log in and stop it."];
    return { steps, problems: [], notes: [...alone, `Left: the data folder with ${facts.userPackages}`] };
  }
  const left = ["/var/lib/cascade", "/var/log/cascade"];
  if (facts.configText === SYSTEM_CONFIG_TEXT) steps.push({ do: "remove", path: SYSTEM_CONFIG });
  else if (facts.configText !== null) left.push(SYSTEM_CONFIG);
  steps.push({ do: "remove-if-empty", path: dirname(SYSTEM_CONFIG) });
  if (facts.packagesHoldFiles) {
    left.push(SYSTEM_PACKAGES, `the group ${SERVICE_GROUP}`);
  } else {
    steps.push({ do: "remove-if-empty", path: SYSTEM_PACKAGES }, { do: "remove-if-empty", path: "/srv/cascade" });
    if (facts.groupExists && !facts.groupHasMembers) steps.push({ do: "run", argv: ["groupdel", SERVICE_GROUP] });
    else if (facts.groupExists) left.push(`the group ${SERVICE_GROUP}, which has members`);
  }
  return { steps, problems: rootProblem(facts), notes: [`Left: ${left.join(", ")}`] };
}

const SYSTEM_CONFIG_TEXT = `# docs/configuration.md describes every key. Apply changes with: systemctl reload cascade
watch = ["${SYSTEM_PACKAGES}"]
`;

/** The unit of a user's own service. */
export function userUnit({ userConfigHome }: Pick<HostFacts, "userConfigHome">): string {
  return join(userConfigHome, "systemd", "user", "cascade.service");
}

function unitText(template: string, { nodePath, programPath }: InstallFacts): string {
  const command = `ExecStart=${unitWord(nodePath)} ${unitWord(programPath)} daemon`;
  // A function, because a `$` in a path would mean something in a replacement text.
  return template.replace(/^#.*\n/, "").replace(/^ExecStart=.*$/m, () => command);
}

/** Quoted as systemd.service(5) asks: `%` and `$` stand for themselves when doubled. */
function unitWord(path: string): string {
  const escaped = path.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w@%+=:,./$-]+$/.test(escaped) ? escaped : `"${escaped.replaceAll(/["\\]/g, "\\$&")}"`;
}

function rootProblem(facts: HostFacts): Problem[] {
  if (facts.isRoot) return [];
  const hint = "Run it with sudo, or use --user for a service of your own.";
  return [problem("PERMISSION", SYSTEM_UNIT, "only root may write the system's services", hint)];
}

function sandboxProblems(facts: InstallFacts): Problem[] {
  return [
    {
      path: facts.nodePath,
      what: "Node",
      fix: "Install Node for the whole system, for example with apt or into /usr/local.",
    },
    {
      path: facts.programPath,
      what: "Cascade",
      fix: "In its folder: npm pack && sudo npm install -g ./cascaded-*.tgz, with that Node.",
    },
  ].flatMap(({ path, what, fix }) => {
    const hidden = HIDDEN_FROM_SERVICE.find((folder) => path.startsWith(`${folder}/`));
    if (hidden !== undefined) {
      return [problem("SERVICE_CANNOT_READ", path, `${what} lies under ${hidden}, which the service cannot see`, fix)];
    }
    const closed = facts.closedPart(path);
    if (closed === null) return [];
    const message = `${what} cannot be read by the service's user because of the mode of ${closed}`;
    return [problem("SERVICE_CANNOT_READ", path, message, `Run \`chmod o+rX '${closed}'\`, or install it elsewhere.`)];
  });
}
