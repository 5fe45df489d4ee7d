import { expect, test } from "vitest";
import { resolveConfig } from "../../../src/daemon/config.ts";
import { diffConfig } from "../../../src/daemon/config-diff.ts";

function resolved(text: string, environment: Record<string, string> = {}, watch: string[] = []) {
  return resolveConfig({
    flags: { watch },
    environment,
    file: { path: "/etc/cascade/cascade.toml", text },
    workingDir: "/",
    home: "/root",
    facts: { processors: 1, timezone: "UTC", packagesDir: "/p", logsDir: "/l", trustFile: "/t" },
  }).resolved;
}

test("equal configurations have no difference", () => {
  const diff = diffConfig(resolved("concurrency = 3"), resolved("concurrency = 3 # the same"));
  expect(diff).toMatchObject({ changed: [], needRestart: [], overridden: [] });
});

test("changed folders, log level, concurrency, drain and retention are applied", () => {
  const next = resolved(
    'watch = ["/a"]\nconcurrency = 3\ndrain = "5s"\n[log]\nlevel = "debug"\n[retention]\nruns = "1d"\nrun_count = 5\nlogs = "1d"\nlog_size = "1GB"\nstore = "1d"',
  );
  const diff = diffConfig(resolved(""), next);
  expect(diff.changed.map(({ key }) => key)).toEqual([
    "watch",
    "concurrency",
    "drain",
    "log.level",
    "retention.runs",
    "retention.run_count",
    "retention.logs",
    "retention.log_size",
    "retention.store",
  ]);
  expect(diff.changed[2]).toEqual({ key: "drain", from: '"30s"', to: '"5s"' });
  expect(diff.running.values).toEqual(next.values);
});

test("a key that needs a restart keeps its running value and is named at each reload until then", () => {
  const first = diffConfig(resolved(""), resolved('timezone = "Europe/Berlin"\nconcurrency = 9'));
  expect(first.needRestart).toEqual([{ key: "timezone", from: '"UTC"', to: '"Europe/Berlin"' }]);
  expect(first.running.values).toMatchObject({ timezone: "UTC", concurrency: 9 });
  const second = diffConfig(first.running, resolved('timezone = "Europe/Berlin"\nconcurrency = 9'));
  expect(second).toMatchObject({ changed: [], needRestart: [{ key: "timezone" }] });
});

test("a change in the file that a variable hides is named with the variable", () => {
  const environment = { CASCADE_CONCURRENCY: "4" };
  const diff = diffConfig(resolved("concurrency = 2", environment), resolved("concurrency = 8", environment));
  expect(diff).toMatchObject({ changed: [], overridden: [{ key: "concurrency", by: "CASCADE_CONCURRENCY" }] });
  expect(diffConfig(resolved("", environment), resolved("concurrency = 8", environment)).overridden).toHaveLength(1);
});

test("a folder added to the file beside a flag is a change, not hidden by the flag", () => {
  const diff = diffConfig(resolved("", {}, ["/flag"]), resolved('watch = ["/file"]', {}, ["/flag"]));
  expect(diff.changed).toEqual([{ key: "watch", from: '["/flag"]', to: '["/file", "/flag"]' }]);
  expect(diff.overridden).toEqual([]);
});
