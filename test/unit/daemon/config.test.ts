import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { configFrom, type ConfigInput, resolveConfig } from "../../../src/daemon/config.ts";
import { configRows } from "../../../src/daemon/config-file.ts";
import { configKeyNames, configKeys, variableOf, writtenValue } from "../../../src/daemon/config-keys.ts";

function input(given: { text?: string; environment?: Record<string, string>; watch?: string[] } = {}): ConfigInput {
  return {
    flags: { watch: given.watch ?? [] },
    environment: given.environment ?? {},
    file: given.text === undefined ? null : { path: "/etc/cascade/cascade.toml", text: given.text },
    workingDir: "/here",
    home: "/home/ann",
    facts: {
      processors: 3,
      timezone: "Europe/Berlin",
      packagesDir: "/data/packages",
      logsDir: "/data/logs",
      trustFile: "/etc/cascade/trust.toml",
    },
  };
}

function config(given: Parameters<typeof input>[0]) {
  const { resolved, problems } = resolveConfig(input(given));
  expect(problems).toEqual([]);
  return configFrom(resolved.values);
}

function problemsOf(text: string) {
  return resolveConfig(input({ text })).problems.map(({ place, message, hint }) => `${place} ${message} | ${hint}`);
}

describe("the signer of proofs", () => {
  const signing = (signer: string, key: string) => `[proof]\nsigner = "${signer}"\npublic_key = "${key}"\n`;

  test.each(["exec:kms-sign --key 1", "ssh-agent", "ssh-agent:proofs@home", "ssh-agent:SHA256:abc"])(
    "is %s with its public key",
    (signer) => {
      const { resolved, problems } = resolveConfig(input({ text: signing(signer, "key.pub.pem") }));
      expect(problems).toEqual([]);
      const { "proof.signer": given, "proof.public_key": key } = resolved.values;
      expect([given, key]).toEqual([signer, "/etc/cascade/key.pub.pem"]);
    },
  );

  test("is named with its key or not at all, wherever the two come from", () => {
    expect(problemsOf('[proof]\nsigner = "ssh-agent"\n')).toEqual([
      expect.stringMatching(
        /^\/etc\/cascade\/cascade.toml:2 proof.signer is set without proof.public_key \| Write public_key/,
      ),
    ]);
    expect(problemsOf('[proof]\npublic_key = "key.pub.pem"\n')).toEqual([
      expect.stringMatching(/:2 proof.public_key is set without proof.signer \| Write signer/),
    ]);
    const environment = { CASCADE_PROOF_SIGNER: "ssh-agent", CASCADE_PROOF_PUBLIC_KEY: "/k.pub.pem" };
    expect(resolveConfig(input({ environment })).problems).toEqual([]);
  });

  test.each(["exec:", "exec: ", "exec", "gpg", "ssh-agents", "/usr/bin/sign"])(
    "is not %j, and that is all that is said",
    (text) => {
      expect(problemsOf(signing(text, "key.pub.pem"))).toEqual([
        expect.stringMatching(/it is not a signer \| Write "exec:COMMAND"/),
      ]);
    },
  );
});

describe("the defaults", () => {
  test("are those that the documentation promises", () => {
    expect(config({})).toEqual({
      watch: ["/data/packages"],
      scanIntervalMs: 5_000,
      concurrency: 6,
      drainMs: 30_000,
      timezone: "Europe/Berlin",
      allowUnsafe: false,
      trust: "/etc/cascade/trust.toml",
      log: { level: "info", dir: "/data/logs", maxSizeBytes: 20_000_000, keep: 14 },
      retention: {
        runsMs: 90 * 86_400_000,
        runCount: 200_000,
        logsMs: 14 * 86_400_000,
        logSizeBytes: 2_000_000_000,
        storeMs: 7 * 86_400_000,
        packProofsMs: 7 * 86_400_000,
        proofsMs: Infinity,
      },
      task: { timeoutMs: 86_400_000, outputMaxBytes: 16_000_000, logMaxBytes: 10_000_000 },
      tlog: { origin: null },
    });
  });

  test("are all values that their own keys accept", () => {
    for (const name of configKeyNames) {
      const { kind } = configKeys[name];
      const written = writtenValue(name, configKeys[name].default(input().facts));
      const { problems } = resolveConfig(
        input({
          text: name.includes(".")
            ? `[${name.split(".")[0]}]\n${name.split(".")[1]} = ${written}`
            : `${name} = ${written}`,
        }),
      );
      expect(problems, `${name} = ${written} (${kind.describes})`).toEqual([]);
    }
  });
});

describe("precedence", () => {
  const text = 'drain = "1m"\nconcurrency = 2\n[log]\nlevel = "warn"\n';

  test("an environment variable wins over the file, and the file over the default", () => {
    const { resolved } = resolveConfig(
      input({ text, environment: { CASCADE_DRAIN: "10s", CASCADE_LOG_LEVEL: "debug" } }),
    );
    expect(configFrom(resolved.values)).toMatchObject({ drainMs: 10_000, concurrency: 2, log: { level: "debug" } });
    expect(resolved.origins).toMatchObject({
      drain: { source: "environment", place: "CASCADE_DRAIN" },
      concurrency: { source: "file", place: "/etc/cascade/cascade.toml:2" },
      "log.level": { source: "environment", place: "CASCADE_LOG_LEVEL" },
      timezone: { source: "default", place: "default" },
    });
  });

  test("an empty variable counts as unset", () => {
    expect(config({ text, environment: { CASCADE_DRAIN: "" } }).drainMs).toBe(60_000);
  });

  test("each key can be set by a variable of its own", () => {
    expect(new Set(configKeyNames.map(variableOf)).size).toBe(configKeyNames.length);
    expect(config({ environment: { CASCADE_RETENTION_RUN_COUNT: "7", CASCADE_ALLOW_UNSAFE: "true" } })).toMatchObject({
      retention: { runCount: 7 },
      allowUnsafe: true,
    });
  });

  test("a variable with a wrong value is a problem with the name of the variable, and the file's value stays", () => {
    const { resolved, problems } = resolveConfig(input({ text, environment: { CASCADE_CONCURRENCY: "many" } }));
    expect(problems).toMatchObject([{ code: "CONFIG_INVALID", place: "CASCADE_CONCURRENCY" }]);
    expect(resolved.values.concurrency).toBe(2);
  });
});

describe("watched folders", () => {
  test("a flag adds to the folders of the file and repeats none", () => {
    const text = 'watch = ["/srv/a", "/srv/b"]';
    const { resolved } = resolveConfig(input({ text, watch: ["/srv/c", "/srv/a"] }));
    expect(resolved.values.watch).toEqual(["/srv/a", "/srv/b", "/srv/c"]);
    expect(resolved.origins.watch.place).toBe("/etc/cascade/cascade.toml:1, --watch");
  });

  test("the data folder's own is watched only if nobody names a folder", () => {
    expect(config({ watch: ["/srv/c"] }).watch).toEqual(["/srv/c"]);
    expect(config({ text: 'watch = ["/srv/a"]' }).watch).toEqual(["/srv/a"]);
    expect(config({ text: "watch = []" }).watch).toEqual(["/data/packages"]);
  });

  test("relative folders start at the file in the file, at the working folder elsewhere, and ~ is the home folder", () => {
    expect(config({ text: 'watch = ["drop", "~/drop", "../x/"]' }).watch).toEqual([
      "/etc/cascade/drop",
      "/home/ann/drop",
      "/etc/x",
    ]);
    expect(config({ watch: ["drop"] }).watch).toEqual(["/here/drop"]);
    expect(config({ environment: { CASCADE_WATCH: "a:/b" } }).watch).toEqual(["/here/a", "/b"]);
  });
});

describe("problems", () => {
  test("are all reported at once, each with file and line", () => {
    const problems = problemsOf(
      'drain = 30\nscan_interval = "5 s"\ntimezone = "Berlin"\n\n[log]\nlevel = "loud"\nmax_size = "20"\n',
    );
    expect(problems).toEqual([
      '/etc/cascade/cascade.toml:2 scan_interval = "5 s": it is not a duration | Write a duration such as "30s" or "1h30m".',
      '/etc/cascade/cascade.toml:1 drain = 30: it is not a duration | Write a duration such as "30s" or "1h30m".',
      '/etc/cascade/cascade.toml:3 timezone = "Berlin": there is no such time zone | Did you mean Europe/Berlin?',
      '/etc/cascade/cascade.toml:6 log.level = "loud": there is no such level | Write one of "debug", "info", "warn", "error".',
      '/etc/cascade/cascade.toml:7 log.max_size = "20": it is not a size | Write a size such as "10 MB" or "64 KiB".',
    ]);
  });

  test.each([
    ["concurency = 3", "/etc/cascade/cascade.toml:1 there is no key concurency | Did you mean concurrency?"],
    ["keep = 3", "/etc/cascade/cascade.toml:1 there is no key keep | Did you mean keep in [log]?"],
    ["[log]\ndrain = '5s'", "/etc/cascade/cascade.toml:2 there is no key log.drain | Did you mean drain?"],
    ["[log]\nlevl = 'info'", "/etc/cascade/cascade.toml:2 there is no key log.levl | Did you mean level in [log]?"],
    ["[logs]\nlevel = 'info'", "/etc/cascade/cascade.toml:1 there is no table logs | Did you mean [log]?"],
    ["log = 'info'", "/etc/cascade/cascade.toml:1 log is a table | Write [log] and its keys below it."],
    [
      "frobnicate = 1",
      "/etc/cascade/cascade.toml:1 there is no key frobnicate | Remove the key; docs/configuration.md lists all of them.",
    ],
    [
      "__proto__ = 1",
      "/etc/cascade/cascade.toml:1 there is no key __proto__ | Remove the key; docs/configuration.md lists all of them.",
    ],
    ["drain = '2h'", `/etc/cascade/cascade.toml:1 drain = "2h": it is out of range | Write a duration of 0ms to 1h.`],
    [
      "concurrency = 0",
      "/etc/cascade/cascade.toml:1 concurrency = 0: it is no such number | Write a whole number from 1 to 1000, without quotes.",
    ],
    [
      "watch = '/srv'",
      `/etc/cascade/cascade.toml:1 watch = "/srv": it is not a list of paths | Write a list such as ["/srv/cascade/packages"].`,
    ],
    [
      "watch = ['']",
      `/etc/cascade/cascade.toml:1 watch = [""]: it is not a list of paths | Write a list such as ["/srv/cascade/packages"].`,
    ],
    [
      "timezone = '+02:00'",
      `/etc/cascade/cascade.toml:1 timezone = "+02:00": there is no such time zone | Write an IANA name such as "Europe/Berlin" or "UTC".`,
    ],
  ])("%j is refused with the way out", (text, expected) => {
    expect(problemsOf(text)).toEqual([expected]);
  });

  test("text that is not TOML is one problem at its line", () => {
    expect(problemsOf("drain = '5s'\nwatch = [\n")).toEqual([
      expect.stringMatching(/^\/etc\/cascade\/cascade\.toml:3 not TOML: /) as unknown,
    ]);
  });

  test("no text makes it throw, and what has no problem is a whole configuration", () => {
    const key = fc.constantFrom(...configKeyNames, "log", "retention", "x", "watch.0");
    const value = fc.oneof(
      fc.json(),
      fc.string(),
      fc.constantFrom('"5s"', "3", "true", '["a"]', "1979-05-27", "inf", "nan", "[[]]", "{}"),
    );
    fc.assert(
      fc.property(fc.array(fc.tuple(key, value), { maxLength: 4 }), (lines) => {
        const text = lines.map(([name, written]) => `${name} = ${written}`).join("\n");
        const { resolved, problems } = resolveConfig(input({ text }));
        for (const { place, message, hint } of problems) expect([place, message, hint]).not.toContain("");
        expect(configRows(resolved).map((row) => row.key)).toEqual(configKeyNames);
      }),
    );
  });

  test("what is shown can be written into a file and gives the same values", () => {
    fc.assert(
      fc.property(
        fc.record({
          drain: fc.integer({ min: 0, max: 3_600_000 }),
          size: fc.integer({ min: 10_000, max: 10_000_000_000 }),
          watch: fc.array(
            fc.string({ minLength: 1 }).map((name) => `/srv/${name.replaceAll(/[\0/.\u007f]/g, "x")}`),
            { minLength: 1 },
          ),
        }),
        ({ drain, size, watch }) => {
          const text = [
            `drain = ${writtenValue("drain", drain)}`,
            `watch = ${writtenValue("watch", watch)}`,
            `log.max_size = ${writtenValue("log.max_size", size)}`,
          ].join("\n");
          const { resolved, problems } = resolveConfig(input({ text }));
          expect(problems).toEqual([]);
          expect(resolved.values).toMatchObject({ drain, watch: [...new Set(watch)], "log.max_size": size });
        },
      ),
    );
  });
});
