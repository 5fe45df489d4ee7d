import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { applyPlan, describePlan } from "../../../src/daemon/systemd-apply.ts";
import { installFacts } from "../../../src/daemon/systemd-host.ts";
import {
  type InstallFacts,
  planInstall,
  planUninstall,
  type SystemdPlan,
} from "../../../src/daemon/systemd-install.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { skipsAllowed } from "../../support/skipping.ts";

const templates = {
  system: readFileSync("systemd/cascade.service", "utf8"),
  user: readFileSync("systemd/cascade-user.service", "utf8"),
};

function facts(given: Partial<InstallFacts> = {}): InstallFacts {
  return {
    user: false,
    isRoot: true,
    managerRuns: true,
    unitExists: false,
    groupExists: false,
    groupHasMembers: false,
    configText: null,
    packagesHoldFiles: false,
    userConfigHome: "/home/ann/.config",
    userPackages: "/home/ann/.local/state/cascade/packages",
    runAs: null,
    nodePath: "/usr/bin/node",
    programPath: "/opt/cascade/dist/cli/main.js",
    templates,
    closedPart: () => null,
    ...given,
  };
}

function written(plan: SystemdPlan, path: string): string {
  const step = plan.steps.find((one) => one.do === "file" && one.path === path);
  return step?.do === "file" ? step.content : "";
}

function commands(plan: SystemdPlan): string[] {
  return plan.steps.flatMap((step) => (step.do === "run" ? [step.argv.join(" ")] : []));
}

describe("the plan for the system", () => {
  test("makes group, folder and configuration, writes the unit for this Node and program, and says where to drop files", () => {
    const plan = planInstall(facts());
    expect(plan.problems).toEqual([]);
    expect(commands(plan)).toEqual([
      "groupadd --system cascade",
      "install -d -o root -g cascade -m 2775 /srv/cascade/packages",
      "systemctl daemon-reload",
    ]);
    expect(written(plan, "/etc/systemd/system/cascade.service")).toContain(
      "\nExecStart=/usr/bin/node /opt/cascade/dist/cli/main.js daemon\n",
    );
    expect(written(plan, "/etc/cascade/cascade.toml")).toContain('watch = ["/srv/cascade/packages"]');
    expect(plan.notes.join("\n")).toMatch(/Drop packages into \/srv\/cascade\/packages.*group cascade/);
  });

  test("runs as a person's account, with its home, where one is named, and refuses one that is not there", () => {
    const plan = planInstall(facts({ runAs: { name: "ann", home: "/home/ann" }, programPath: "/home/ann/c/main.js" }));
    expect(plan.problems).toEqual([]);
    const unit = written(plan, "/etc/systemd/system/cascade.service");
    expect(unit).toMatch(/^User=ann$/m);
    expect(unit).toMatch(/^ProtectHome=no$/m);
    expect(unit).toMatch(/^ReadWritePaths=-\/home\/ann$/m);
    expect(unit).not.toMatch(/DynamicUser|User=cascaded/);
    const nobody = planInstall(facts({ runAs: { name: "nemo", home: null } }));
    expect(nobody.problems).toMatchObject([{ code: "USAGE", message: "there is no account nemo" }]);
  });

  test("keeps a configuration and a group that are there", () => {
    const plan = planInstall(facts({ configText: "concurrency = 3\n", groupExists: true }));
    expect(written(plan, "/etc/cascade/cascade.toml")).toBe("");
    expect(commands(plan)).not.toContain("groupadd --system cascade");
    expect(plan.notes).toContain("/etc/cascade/cascade.toml is kept as it is.");
  });

  test.each([
    ["/root/.nvm/versions/node/v20/bin/node", "/root"],
    ["/home/ann/node/bin/node", "/home"],
    ["/tmp/node", "/tmp"],
  ])("refuses Node in %s, which the service cannot see, and names the way out", (nodePath, hidden) => {
    const { problems } = planInstall(facts({ nodePath }));
    expect(problems).toMatchObject([{ code: "SERVICE_CANNOT_READ", place: nodePath }]);
    expect(problems[0]?.message).toContain(`under ${hidden},`);
    expect(problems[0]?.hint).toContain("Install Node for the whole system");
  });

  test("refuses a program that the service's user may not read, and names the chmod", () => {
    const { problems } = planInstall(
      facts({ closedPart: (path) => (path.startsWith("/opt") ? "/opt/cascade" : null) }),
    );
    expect(problems).toMatchObject([
      { code: "SERVICE_CANNOT_READ", hint: expect.stringContaining("chmod o+rX '/opt/cascade'") },
    ]);
  });

  test("is refused to anybody but root, with every other problem at once", () => {
    const plan = planInstall(facts({ isRoot: false, nodePath: "/home/ann/node" }));
    expect(plan.problems.map(({ code }) => code)).toEqual(["PERMISSION", "SERVICE_CANNOT_READ"]);
    expect(() => applyPlan(plan)).toThrow(expect.objectContaining({ code: "PERMISSION", problems: plan.problems }));
  });

  test("quotes paths as systemd reads them", () => {
    const plan = planInstall(facts({ nodePath: "/opt/my node/bin/node", programPath: '/opt/100%/$x"y/main.js' }));
    expect(written(plan, "/etc/systemd/system/cascade.service")).toContain(
      'ExecStart="/opt/my node/bin/node" "/opt/100%%/$$x\\"y/main.js" daemon\n',
    );
  });

  test("shows every command and every file with its text", () => {
    const lines = describePlan(planInstall(facts()));
    expect(lines).toContain("run    groupadd --system cascade");
    expect(lines).toContain("write  /etc/systemd/system/cascade.service (mode 0644)");
    expect(lines).toContain("       DynamicUser=yes");
  });
});

describe("the plan for a user", () => {
  test("writes the unit into the user's folder without asking for root", () => {
    const plan = planInstall(facts({ user: true, isRoot: false, nodePath: "/home/ann/node", groupExists: true }));
    expect(plan.problems).toEqual([]);
    expect(written(plan, "/home/ann/.config/systemd/user/cascade.service")).toContain("ExecStart=/home/ann/node /opt");
    expect(commands(plan)).toEqual(["systemctl --user daemon-reload"]);
    expect(plan.notes.join("\n")).toContain("/home/ann/.local/state/cascade/packages");
  });
});

describe("uninstalling", () => {
  test("stops the service, takes back what was written, and names what stays", () => {
    const configText = written(planInstall(facts()), "/etc/cascade/cascade.toml");
    const plan = planUninstall(facts({ unitExists: true, groupExists: true, configText }));
    expect(describePlan(plan)).toEqual([
      "run    systemctl disable --now cascade.service",
      "remove /etc/systemd/system/cascade.service",
      "run    systemctl daemon-reload",
      "remove /etc/cascade/cascade.toml",
      "remove /etc/cascade (if empty)",
      "remove /srv/cascade/packages (if empty)",
      "remove /srv/cascade (if empty)",
      "run    groupdel cascade",
    ]);
    expect(plan.notes).toEqual(["Left: /var/lib/cascade, /var/log/cascade"]);
  });

  test("leaves a changed configuration, dropped packages, and a group that is in use", () => {
    const plan = planUninstall(facts({ groupExists: true, configText: "concurrency = 1", packagesHoldFiles: true }));
    const lines = describePlan(plan).join("\n");
    expect(lines).not.toMatch(/cascade\.toml|packages|groupdel|disable/);
    expect(plan.notes[0]).toContain("/etc/cascade/cascade.toml, /srv/cascade/packages, the group cascade");
    const used = planUninstall(facts({ groupExists: true, groupHasMembers: true }));
    expect(describePlan(used).join("\n")).not.toContain("groupdel");
  });
});

describe("applying", () => {
  test("writes files with their mode under any umask, and removing takes them away again", () => {
    const root = tempFolder();
    const path = join(root, "a", "unit");
    const before = process.umask(0o077);
    try {
      const plan: SystemdPlan = {
        problems: [],
        notes: [],
        steps: [
          { do: "folder", path: join(root, "a"), mode: 0o755 },
          { do: "file", path, content: "text", mode: 0o644 },
        ],
      };
      applyPlan(plan);
      applyPlan(plan);
    } finally {
      process.umask(before);
    }
    expect(statSync(path).mode & 0o777).toBe(0o644);
    writeFileSync(join(root, "a", "mine"), "");
    const steps: SystemdPlan["steps"] = [
      { do: "remove", path },
      { do: "remove-if-empty", path: join(root, "a") },
      { do: "remove-if-empty", path: join(root, "never") },
    ];
    applyPlan({ problems: [], notes: [], steps });
    expect(() => statSync(path)).toThrow();
    expect(statSync(join(root, "a", "mine")).isFile()).toBe(true);
  });

  test("stops at a command that fails and repeats what it said", () => {
    const marker = join(tempFolder(), "later");
    const failing: SystemdPlan = {
      problems: [],
      notes: [],
      steps: [
        { do: "run", argv: ["sh", "-c", "echo no such luck >&2; exit 3"] },
        { do: "file", path: marker, content: "", mode: 0o600 },
      ],
    };
    expect(() => applyPlan(failing)).toThrow(/no such luck/);
    expect(() => statSync(marker)).toThrow();
  });

  test("looks at the real host without changing it, and sees which part of a path is closed to others", () => {
    const root = tempFolder();
    mkdirSync(join(root, "closed"), { mode: 0o700 });
    writeFileSync(join(root, "closed", "main.js"), "");
    const seen = installFacts({
      user: false,
      runAs: null,
      uid: 0,
      environment: {},
      home: root,
      workingDir: root,
      nodePath: process.execPath,
      program: join(root, "closed", "main.js"),
    });
    expect(seen.closedPart(seen.programPath)).toBe(root);
    expect(seen.closedPart("/etc/passwd")).toBeNull();
    expect(seen.userPackages).toBe(join(root, ".local/state/cascade/packages"));
  });
});

const hasAnalyze = (() => {
  try {
    execFileSync("systemd-analyze", ["--version"]);
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!hasAnalyze && skipsAllowed)("the unit's exposure is at most 1.5, as systemd-analyze measures it", () => {
  const path = join(tempFolder(), "cascade.service");
  writeFileSync(path, written(planInstall(facts()), "/etc/systemd/system/cascade.service"));
  const report = execFileSync("systemd-analyze", ["security", "--offline=true", "--no-pager", path], {
    encoding: "utf8",
  });
  const score = Number(/Overall exposure level for \S+: ([\d.]+)/.exec(report)?.[1]);
  expect(score).toBeGreaterThan(0);
  expect(score).toBeLessThanOrEqual(1.5);
});
