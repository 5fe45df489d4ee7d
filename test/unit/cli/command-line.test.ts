import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createProgram } from "../../../src/cli/command-line.ts";
import { errorCatalogue, exitCodes } from "../../../src/kernel/error-catalogue.ts";
import { testTerminal } from "../../support/cli-io.ts";
import { tempFolder } from "../../support/temp-folder.ts";

const isoBerlin = ["--timezone", "Europe/Berlin", "--from", "2026-03-28T00:00:00Z", "--count", "3", "--json"];

describe("the command line", () => {
  it.each([
    [["frobnicate"], 64, "USAGE", "unknown command"],
    [[], 64, "USAGE", "a command is missing"],
    [["run"], 64, "USAGE", "a command is missing"],
    [["run", "strat", "x"], 64, "USAGE", "unknown command"],
    [["run", "start"], 64, "USAGE", "missing required argument"],
    [["run", "start", "a", "b"], 64, "USAGE", "too many arguments"],
    [["status", "--jsn"], 64, "USAGE", "unknown option"],
    [["run", "start", "x", "--wait", "--follow"], 64, "USAGE", "cannot be used with"],
    [["run", "start", "x", "-p", "novalue"], 64, "USAGE", "key=value"],
    [["run", "start", "x", "--params", "@absent.json"], 64, "USAGE", "absent.json"],
    [["run", "start", "x", "--params", "{"], 65, "JSON_INVALID", "not JSON"],
    [["run", "list", "--limit", "0"], 64, "USAGE", "positive whole number"],
    [["run", "list", "--cursor", "bogus"], 64, "USAGE", "earlier list"],
    [["start"], 64, "USAGE", "`cascade daemon` starts the daemon, `cascade run start` a run"],
    [["schedule", "next"], 64, "USAGE", "--cron"],
    [["schedule", "next", "--cron", "* * * * *", "--from", "yesterday"], 64, "USAGE", "ISO-8601"],
    [["schedule", "next", "--cron", "-1 * * * *"], 65, "CRON_INVALID", "-1"],
    [["schedule", "next", "--cron", ""], 65, "CRON_INVALID", "empty"],
    [["schedule", "next", "--cron", "* * * * *", "--timezone", "Mars/Base"], 65, "TIMEZONE_UNKNOWN", "Mars/Base"],
    [["completion", "tcsh"], 64, "USAGE", "tcsh"],
    [["status"], 69, "DAEMON_UNREACHABLE", "no daemon is running"],
    [["run", "list"], 69, "DAEMON_UNREACHABLE", "no daemon is running"],
    [["run", "start", "x"], 69, "DAEMON_UNREACHABLE", "no daemon is running"],
    [["stop"], 69, "DAEMON_UNREACHABLE", "no daemon is running"],
    [["validate", "nowhere"], 65, "PACK_ENTRY_MISSING", "nowhere"],
    [["config", "check", "--config", "none.toml"], 78, "CONFIG_UNREADABLE", "none.toml"],
    [["verify", "some.sigstore.json"], 74, "IO_FAILED", "some.sigstore.json"],
    [["init", "Bad_Name"], 65, "NAME_INVALID", "Bad_Name"],
  ])("ends %j with exit code %i and the error %s", async (argv, code, error, text) => {
    const end = await testTerminal(tempFolder()).run(...argv);
    expect(end.code).toBe(code);
    expect(end.out).toBe("");
    expect(end.err).toContain(`error ${error}: `);
    expect(end.err).toContain(text);
    expect(end.err).toMatch(/\nhint: .+\n$|\n {6}.+\n/);
  });

  it("prints its help, and that of a command, for the word `help` too", async () => {
    const terminal = testTerminal(tempFolder());
    const [help, asked] = [await terminal.run("help"), await terminal.run("--help")];
    expect(help).toEqual({ ...asked, code: 0 });
    expect((await testTerminal(tempFolder()).run("help", "verify")).out).toContain("Usage: cascade verify");
  });

  it("answers a check of the configuration as JSON, valid or not", async () => {
    const folder = tempFolder();
    const check = ["config", "check", "--json", "--config", "cascade.toml", "--data", folder];
    writeFileSync(join(folder, "cascade.toml"), "concurency = 2\n");
    const wrong = await testTerminal(folder).run(...check);
    expect(wrong.code).toBe(78);
    expect(JSON.parse(wrong.out)).toMatchObject({ valid: false, problems: [{ code: "CONFIG_INVALID" }] });
    writeFileSync(join(folder, "cascade.toml"), "concurrency = 2\n");
    const right = await testTerminal(folder).run(...check);
    expect(right.code).toBe(0);
    expect(JSON.parse(right.out)).toMatchObject({ valid: true, exists: true, problems: [] });
  });

  it("reports errors as one line of JSON on stderr with --json", async () => {
    const end = await testTerminal(tempFolder()).run("schedule", "next", "--cron", "x", "--json");
    expect(end.out).toBe("");
    expect(JSON.parse(end.err)).toMatchObject({ code: "CRON_INVALID", hint: expect.any(String), problems: [] });
  });

  it("computes the instants of a rule without a daemon, as an array of ISO instants", async () => {
    const end = await testTerminal(tempFolder()).run("schedule", "next", "--cron", "30 2 * * *", ...isoBerlin);
    expect(JSON.parse(end.out)).toEqual([
      "2026-03-28T01:30:00.000Z",
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    const strict = await testTerminal(tempFolder()).run(
      "schedule",
      "next",
      "--cron",
      "0 2 * * *",
      ...["--timezone", "UTC", "--from", "2026-01-01T02:00:00Z", "--count", "1"],
    );
    expect(strict.out).toBe("2026-01-02T02:00:00.000Z\n");
  });

  it("prints help and version on stdout and ends well", async () => {
    const terminal = testTerminal(tempFolder());
    const help = await terminal.run("--help");
    expect(help).toMatchObject({ code: 0, err: "" });
    expect(help.out).toContain("Operate the daemon:");
    expect((await terminal.run("run", "start", "--help")).out).toContain("--wait");
    expect((await terminal.run("--version")).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it("has no command that is not documented, and documents none that it has not", () => {
    const program = createProgram({ io: undefined as never, end: () => undefined });
    const commands = program.commands.flatMap((command) =>
      command.commands.length === 0
        ? [command.name()]
        : command.commands.map((child) => `${command.name()} ${child.name()}`),
    );
    const documented = [...readFileSync("docs/cli.md", "utf8").matchAll(/^### `cascade ([a-z]+(?: [a-z]+)?)/gm)].map(
      (match) => match[1]!,
    );
    expect(documented.toSorted()).toEqual(commands.toSorted());
  });

  it("gives every error of the catalogue an exit code that the documentation explains", () => {
    const documented = readFileSync("docs/cli.md", "utf8");
    for (const { exit } of Object.values(errorCatalogue)) {
      expect(documented).toMatch(new RegExp(`^\\|\\s*${exitCodes[exit]}\\s*\\|`, "m"));
    }
  });

  it.each(["bash", "zsh", "fish"])("prints a completion script for %s that knows every command", async (shell) => {
    const { code, out } = await testTerminal(tempFolder()).run("completion", shell);
    expect(code).toBe(0);
    for (const word of ["start", "preview", "doctor", "uninstall", "timezone"]) expect(out).toContain(word);
  });

  it("shows what a daemon started here would be configured with, and where each value comes from", async () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "cascade.toml"), "concurrency = 3\n");
    const terminal = testTerminal(folder, { environment: { CASCADE_DRAIN: "5s" } });
    const shown = await terminal.run("config", "show", "--origin", "--json", "--config", "cascade.toml", "--data", "d");
    const rows = new Map(JSON.parse(shown.out).map((row: { key: string }) => [row.key, row]));
    expect(rows.get("concurrency")).toMatchObject({ value: "3", origin: `${folder}/cascade.toml:1` });
    expect(rows.get("drain")).toMatchObject({ value: '"5s"', origin: "CASCADE_DRAIN" });
    writeFileSync(join(folder, "cascade.toml"), 'concurency = 3\ndrain = "soon"\n');
    const checked = await terminal.run("config", "check", "--config", "cascade.toml");
    expect(checked.code).toBe(78);
    expect(checked.err).toContain("cascade.toml:1: CONFIG_INVALID: there is no key concurency");
    expect(checked.err).toContain("cascade.toml:2: CONFIG_INVALID: drain");
  });

  it("finds nothing to fail in a folder that no daemon has used, and says what to do", async () => {
    const folder = tempFolder();
    mkdirSync(join(folder, "data"), { mode: 0o700 });
    const { out } = await testTerminal(folder).run("doctor", "--data", "data");
    expect(out).toContain("ok    node");
    expect(out).toMatch(/warn +daemon: no daemon is running/);
    expect(out).toContain("Start it with `cascade daemon`.");
  });
});
