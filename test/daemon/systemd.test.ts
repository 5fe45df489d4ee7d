import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { bootMachine, type Finished, type Machine, whyNoMachine } from "../support/systemd/machine.ts";
import { skipsAllowed } from "../support/skipping.ts";

const reason = existsSync("dist/cli/main.js") ? whyNoMachine() : "the project is not built";
if (reason !== null) console.warn(`The test of a real systemd is skipped: ${reason}.`);

test.runIf(!skipsAllowed)("a real systemd can be booted where that is required", () => {
  expect(reason).toBeNull();
});

const PACKAGES = "/srv/cascade/packages";
const CONFIG = "/etc/cascade/cascade.toml";
const CLI = ["/opt/node/bin/node", "/opt/cascade/dist/cli/main.js"];

describe.skipIf(reason !== null)(`under a real systemd${reason === null ? "" : ` (skipped: ${reason})`}`, () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await bootMachine(resolve("."));
  });
  afterAll(async () => machine?.destroy());

  async function shell(script: string, user?: "ann" | "eve"): Promise<Finished> {
    return machine.run(["sh", "-ec", script], user ? { user } : {});
  }
  async function good(script: string, user?: "ann" | "eve"): Promise<string> {
    const { code, stdout, stderr } = await shell(script, user);
    if (code !== 0) throw new Error(`\`${script}\` ended with ${code}: ${stdout}${stderr}`);
    return stdout;
  }
  const cascade = (...args: string[]) => machine.run([...CLI, ...args]);
  async function json(...args: string[]) {
    const { code, stdout, stderr } = await cascade(...args, "--json");
    if (code !== 0) throw new Error(`cascade ${args.join(" ")} ended with ${code}: ${stderr}\n${await journal()}`);
    return JSON.parse(stdout);
  }
  const journal = async () => (await shell("journalctl -u cascade -o cat --no-pager | tail -40")).stdout;
  const property = async (name: string) => (await good(`systemctl show -p ${name} --value cascade`)).trim();
  const mainPid = async () => {
    const pid = await property("MainPID");
    // A signal to 0 would go to a whole process group.
    if (!/^[1-9]\d*$/.test(pid)) throw new Error(`the service has no process: ${await journal()}`);
    return pid;
  };
  const states = async () =>
    Object.fromEntries(
      (await json("package", "list")).map((row: { name: string; state: string }) => [row.name, row.state]),
    );

  /** Writes a package's folder into the machine and packs it to /root/NAME-VERSION.cascade. */
  async function pack(name: string, code: string): Promise<string> {
    const manifest = { name, version: "1.0.0", type: "module", cascade: { entry: "workflow.ts" } };
    const source = `import { workflow } from "cascaded";\nexport default workflow("${name}").task("only", async ({ signal }) => {\n${code}\n});\n`;
    await good(
      `mkdir -p /root/${name}; cat > /root/${name}/package.json <<'END'\n${JSON.stringify(manifest)}\nEND\ncat > /root/${name}/workflow.ts <<'END'\n${source}END`,
    );
    const file = `/root/${name}-1.0.0.cascade`;
    await good(`${CLI.join(" ")} pack /root/${name} -o ${file}`);
    return file;
  }

  test("the installation shows what it would write, writes it, and does it again without harm", async () => {
    const shown = await cascade("systemd", "install", "--dry-run");
    expect(shown.code).toBe(0);
    expect(shown.stdout + shown.stderr).toContain("DynamicUser=yes");
    expect(await good("ls /etc/systemd/system /srv")).not.toContain("cascade");

    for (const _ of ["first", "again"]) {
      const { code, stdout, stderr } = await cascade("systemd", "install");
      expect(code, stderr).toBe(0);
      expect(stdout + stderr).toContain(PACKAGES);
    }
    expect((await good(`stat -c '%U:%G %a' ${PACKAGES}`)).trim()).toBe("root:cascade 2775");
    expect(await good("cat /etc/systemd/system/cascade.service")).toContain(`ExecStart=${CLI.join(" ")} daemon`);
    // Short waits for what the tests below wait for.
    await good(
      "mkdir -p /etc/systemd/system/cascade.service.d; printf '[Service]\\nWatchdogSec=3\\nTimeoutStopSec=20\\n' > /etc/systemd/system/cascade.service.d/test.conf; systemctl daemon-reload; usermod -aG cascade ann",
    );
  });

  test("start returns when the daemon is ready, and root finds it without naming its folder", async () => {
    const { code } = await shell("systemctl start cascade");
    expect(code, await journal()).toBe(0);
    expect(await property("ActiveState")).toBe("active");
    const status = await json("status");
    expect(status).toMatchObject({
      state: "running",
      dataDir: "/var/lib/cascade",
      watch: [{ dir: PACKAGES, ok: true }],
    });
    expect(String(status.pid)).toBe(await property("MainPID"));
    expect(await property("StatusText")).not.toBe("");
    const line = (await journal()).split("\n").find((text) => text.startsWith("{"));
    expect(JSON.parse(line!)).toMatchObject({
      level: expect.any(String),
      time: expect.any(String),
      msg: expect.any(String),
    });
  });

  test("a package dropped by root is loaded, runs, and leaves when it is deleted", async () => {
    const file = await pack("by-root", "return 42;");
    await good(`cp ${file} ${PACKAGES}/`);
    await eventually(async () => expect(await states()).toMatchObject({ "by-root": "loaded" }));
    const run = await json("run", "start", "by-root", "--wait");
    expect(run).toMatchObject({ state: "succeeded", tasks: [{ state: "succeeded", output: 42 }] });
    await good(`rm ${PACKAGES}/by-root-1.0.0.cascade`);
    await eventually(async () => expect((await states())["by-root"] ?? "unloaded").toBe("unloaded"));
  });

  test("a member of the group drops and deletes packages too, and nobody else can", async () => {
    const file = await pack("by-ann", "return 1;");
    await good(`install -m 644 ${file} /home/ann/; install -m 644 ${file} /home/eve/`);
    expect((await shell(`cp /home/eve/by-ann-1.0.0.cascade ${PACKAGES}/`, "eve")).code).not.toBe(0);
    await good(`cp /home/ann/by-ann-1.0.0.cascade ${PACKAGES}/`, "ann");
    await eventually(async () => expect(await states()).toMatchObject({ "by-ann": "loaded" }));
    expect(await json("run", "start", "by-ann", "--wait")).toMatchObject({ state: "succeeded" });
    await good(`rm ${PACKAGES}/by-ann-1.0.0.cascade`, "ann");
    await eventually(async () => expect((await states())["by-ann"] ?? "unloaded").toBe("unloaded"));
  });

  test("systemctl reload and kill -HUP apply a changed configuration in place, and refuse a broken one", async () => {
    const pid = await mainPid();
    const { generation } = (await json("status")).config;
    await good(`echo 'drain = "1s"' >> ${CONFIG}; systemctl reload cascade`);
    await eventually(async () =>
      expect((await json("status")).config).toMatchObject({ generation: generation + 1, error: null }),
    );
    await good(`echo 'concurrency = 3' >> ${CONFIG}; kill -HUP ${pid}`);
    await eventually(async () => expect((await json("status")).config.generation).toBe(generation + 2));
    await good(`cp ${CONFIG} /root/good.toml; echo 'concurency = 4' >> ${CONFIG}; kill -HUP ${pid}`);
    await eventually(async () => expect(JSON.stringify((await json("status")).config.error)).toContain("concurrency"));
    await good(`cp /root/good.toml ${CONFIG}; systemctl reload cascade`);
    await eventually(async () => expect((await json("status")).config.error).toBeNull());
    await eventually(async () => expect(await property("ActiveState")).toBe("active"));
    expect(await property("MainPID")).toBe(pid);
  });

  test("a stop with a task in flight drains, leaves no process, and the run goes on after the next start", async () => {
    const file = await pack(
      "slow",
      'await new Promise((done) => { signal.addEventListener("abort", done); setTimeout(done, 600_000); });',
    );
    await good(`cp ${file} ${PACKAGES}/`);
    await eventually(async () => expect(await states()).toMatchObject({ slow: "loaded" }));
    const { id } = await json("run", "start", "slow");
    const attempts = async () =>
      (await json("run", "show", id)).tasks[0].attempts as { outcome: string | null; endedAt: string | null }[];
    await eventually(async () => expect(await attempts()).toHaveLength(1));
    await good("systemctl stop cascade");
    expect(await property("Result")).toBe("success");
    expect(await property("ExecMainStatus")).toBe("0");
    expect((await shell("ps -eo args | grep '[/]opt/cascade'")).stdout).toBe("");
    await good("systemctl start cascade");
    await eventually(async () =>
      expect((await attempts()).map(({ outcome }) => outcome)).toEqual(["interrupted", null]),
    );
    await json("run", "cancel", id);
    await eventually(async () => expect((await json("run", "show", id)).state).toBe("cancelled"));
  });

  test("a daemon that does not answer any more is restarted by the watchdog", async () => {
    const before = Number(await property("NRestarts"));
    await good(`kill -STOP ${await mainPid()}`);
    await eventually(async () => expect(Number(await property("NRestarts"))).toBe(before + 1), { timeoutMs: 40_000 });
    await eventually(async () => expect(await property("ActiveState")).toBe("active"), { timeoutMs: 20_000 });
    expect(await json("status")).toMatchObject({ state: "running" });
  });

  test("a configuration that cannot be used ends the service for good instead of restarting it", async () => {
    await good(`systemctl stop cascade; echo 'nonsense = 1' >> ${CONFIG}`);
    expect((await shell("systemctl start cascade")).code).not.toBe(0);
    expect(await property("ExecMainStatus")).toBe("78");
    expect(await property("ActiveState")).toBe("failed");
    await good(`cp /root/good.toml ${CONFIG}; systemctl reset-failed cascade; systemctl start cascade`);
  });

  test("the uninstallation stops the service, takes the unit away and leaves the data", async () => {
    const { code, stderr } = await cascade("systemd", "uninstall");
    expect(code, stderr).toBe(0);
    expect(await good("ls /etc/systemd/system")).not.toMatch(/cascade\.service$/m);
    expect((await shell("systemctl is-active cascade")).code).not.toBe(0);
    expect(await good("ls /var/lib/private/cascade")).toContain("cascade.db");
    expect(await good(`ls ${PACKAGES}`)).toContain("slow-1.0.0.cascade");
  });
});
