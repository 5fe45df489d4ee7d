import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { resolveConfig } from "../../../src/daemon/config.ts";
import { readTrust } from "../../../src/daemon/trust-toml.ts";
import { testKey } from "../../support/package-keys.ts";
import { configKeyNames, configKeys, variableOf, writtenValue } from "../../../src/daemon/config-keys.ts";

const text = readFileSync("docs/configuration.md", "utf8");
const rows = text
  .split("\n")
  .filter((line) => /^\| `[a-z_.]+`/.test(line))
  .map((line) => line.split("|").map((cell) => cell.trim().replace(/^`([^`]*)`$/, "$1")));

test("the documentation describes every key, its variable, default and reload, and no other", () => {
  expect(rows.map((row) => row[1])).toEqual(configKeyNames);
  for (const [, key, variable, byDefault, reload] of rows) {
    const name = configKeyNames.find((known) => known === key)!;
    expect(variable).toBe(variableOf(name));
    expect(reload, name).toBe(configKeys[name].reload ? "yes" : "no");
    const facts = {
      processors: 1,
      timezone: "the host's",
      packagesDir: "data folder's `packages`",
      logsDir: "data folder's `logs`",
      trustFile: "`trust.toml` beside it",
    };
    const value = configKeys[name].default(facts);
    const inWords: Record<string, string> = {
      watch: "data folder's `packages`",
      trust: "`trust.toml` beside it",
      "log.dir": "data folder's `logs`",
      timezone: "the host's",
      concurrency: "2 × processors",
    };
    expect(byDefault, name).toBe(inWords[name] ?? writtenValue(name, value));
  }
});

test("the example in the documentation is a valid configuration", () => {
  const example = /```toml\n([^]*?)```/.exec(text)![1]!;
  const { problems } = resolveConfig({
    flags: { watch: [] },
    environment: {},
    file: { path: "/etc/cascade/cascade.toml", text: example },
    workingDir: "/",
    home: "/home/ann",
    facts: { processors: 1, timezone: "UTC", packagesDir: "/p", logsDir: "/l", trustFile: "/t" },
  });
  expect(problems).toEqual([]);
});

test("the example of a trust policy in the documentation is a valid one", () => {
  const example = /```toml\n([^]*?)```/.exec(readFileSync("docs/trust.md", "utf8"))![1]!;
  const { publicKey } = testKey("ann");
  const path = "/etc/cascade/trust.toml";
  const reading = readTrust({
    path,
    uri: "file:///x",
    text: example,
    home: "/",
    readKeyFile: () => publicKey,
    realPath: (it) => it,
  });
  expect(reading).toMatchObject({ policy: { folders: [{ threshold: 2, unsigned: "refuse" }] } });
});
