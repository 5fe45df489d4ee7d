import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { comparedPackage, comparedSnapshot, type Compared } from "../../../src/domain/drift-side.ts";
import { type Drift, driftBetween, driftResult } from "../../../src/domain/drift.ts";
import type { Manifest } from "../../../src/domain/manifest.ts";
import { canonicalBytes } from "../../../src/kernel/canonical-json.ts";
import { sha256 } from "../../../src/kernel/digest.ts";
import { definition, task } from "../../support/definitions.ts";
import { asFirstFormat, type ManifestChange, manifestOf } from "../../support/manifests.ts";
import { schedule } from "../../support/schedules.ts";

const compared = (manifest: Manifest): Compared => comparedPackage(manifest, sha256(canonicalBytes(manifest)));
/** The next version of the base with these parts changed. */
const next = (change: ManifestChange = {}) => compared(manifestOf({ version: "1.1.0", ...change }));
const base = compared(manifestOf());

function lines({ findings, unknown }: Drift): string[] {
  return [
    ...findings.map(({ kind, subject, message }) => `${kind} ${subject}: ${message}`),
    ...unknown.map(({ kind, subject, message }) => `? ${kind} ${subject}: ${message}`),
  ];
}

const rule = (cron: string) => {
  const { name, timezone, params, catchUp, overlap } = schedule({ name: "nightly" });
  return { name, cron, timezone, params, catchUp, overlap };
};
const flow = (change: Parameters<typeof definition>[1], b: Parameters<typeof task>[1] = {}): ManifestChange => ({
  workflows: [definition([task("a"), task("b", { after: ["a"], ...b })], change)],
});
const object = { type: "object", properties: { n: { type: "number" } } };

describe("drift between two packages", () => {
  it.each<[string, Compared, Compared, string[]]>([
    [
      "a task more",
      base,
      next({ workflows: [definition([task("a"), task("b", { after: ["a"] }), task("c")])] }),
      ["structure pack/flow/c: the task is new"],
    ],
    ["other dependencies", base, next(flow({}, { after: [] })), ["structure pack/flow/b: comes first, before after a"]],
    [
      "a workflow less",
      next({ workflows: [definition([task("a")]), definition([task("a")], { name: "other" })] }),
      next({ version: "1.2.0", workflows: [definition([task("a")])] }),
      ["structure pack/other: the workflow is gone"],
    ],
    [
      "another order",
      next({ workflows: [definition([task("a"), task("b")])] }),
      next({ version: "1.2.0", workflows: [definition([task("b"), task("a")])] }),
      ["structure pack/flow: its tasks are written in another order"],
    ],
    ["a limit", base, next(flow({ concurrency: 2 })), ["policy pack/flow: concurrency null → 2"]],
    [
      "a limit of a task",
      base,
      next(flow({}, { timeoutMs: 5, isolation: "fresh" })),
      ['policy pack/flow/b: isolation "shared" → "fresh", timeoutMs null → 5'],
    ],
    [
      "a policy that is not known here",
      base,
      next(flow({}, { novelty: { x: 1 } } as never)),
      ["policy pack/flow/b: novelty.x unset → 1"],
    ],
    [
      "a rule",
      next(flow({ schedules: [rule("0 1 * * *")] })),
      next({ version: "1.2.0", ...flow({ schedules: [rule("0 2 * * *")] }) }),
      ['trigger pack/flow/nightly: cron "0 1 * * *" → "0 2 * * *"'],
    ],
    [
      "a rule more",
      base,
      next(flow({ schedules: [rule("0 1 * * *")] })),
      ["trigger pack/flow/nightly: the schedule is new"],
    ],
    [
      "a function",
      base,
      next({ functions: { "flow/b": "() => 2" } }),
      ["task-code pack/flow/b: its function has changed"],
    ],
    [
      "a command",
      next(flow({}, { command: { run: "a", env: {} } })),
      next({ version: "1.2.0", ...flow({}, { command: { run: "b", env: {} } }) }),
      ["task-code pack/flow/b: its command has changed"],
    ],
    [
      "a helper",
      base,
      next({ sources: { "workflow.ts": "w", "lib.ts": "other" } }),
      ["shared lib.ts: its shared code has changed"],
    ],
    [
      "a helper more",
      base,
      next({ sources: { "workflow.ts": "w", "lib.ts": "l", "x.ts": "x" } }),
      ["shared x.ts: its shared code is new"],
    ],
    ["an asset", base, next({ assets: { "a.csv": { text: "2" } } }), ["asset assets/a.csv: the file has changed"]],
    [
      "an asset's mode",
      base,
      next({ assets: { "a.csv": { text: "1", mode: 0o755 } } }),
      ["asset assets/a.csv: mode 644 → 755"],
    ],
    [
      "a bundler",
      base,
      next({ bundler: "2" }),
      ["runtime pack@1.1.0: it is packed by another bundler, or for another language level or host interface"],
    ],
    ["an SDK", base, next({ sdk: "new" }), ["runtime pack@1.1.0: it holds another version of the SDK"]],
    [
      "an environment",
      base,
      next({ env: ["OTHER"] }),
      ["environment TOKEN: the variable is not declared any more", "environment OTHER: the variable is declared now"],
    ],
    [
      "a schema",
      base,
      next(flow({ params: object })),
      ["schema pack/flow: breaking: the params must be of type object now"],
    ],
    [
      "a schema's code alone",
      next({ ...flow({ params: object }), schemas: { flow: "a" } }),
      next({ version: "1.2.0", ...flow({ params: object }), schemas: { flow: "b" } }),
      ["schema pack/flow: breaking: cannot tell what it takes: its code has changed, and its JSON Schema has not"],
    ],
    ["a description", base, next({ description: "new" }), []],
    [
      "a description under one version",
      base,
      compared(manifestOf({ description: "new" })),
      [expect.stringMatching(/^package pack@1.0.0: one version has two contents: /) as never],
    ],
  ])("names exactly what has changed: %s", (_, before, after, expected) => {
    const drift = driftBetween(before, after);
    expect(lines(drift)).toEqual(expected);
    expect(driftResult(drift)).toBe(expected.length === 0 ? "none" : "drift");
  });

  it("says whether a schema is compatible", () => {
    const [finding] = driftBetween(next(flow({ params: object })), next({ version: "1.2.0", ...flow({}) })).findings;
    expect(finding).toEqual({
      kind: "schema",
      subject: "pack/flow",
      message: "compatible: any params are taken now",
      compatible: true,
    });
  });

  it("names a task whose function became a command", () => {
    const drift = driftBetween(base, next(flow({}, { command: { run: "b", env: {} } })));
    expect(lines(drift)).toEqual(["task-code pack/flow/b: it was a function and is a command"]);
  });

  it("is in the order of the kinds", () => {
    const all = next({
      ...flow({ params: false }, { after: [], timeoutMs: 1 }),
      version: "1.0.0",
      env: [],
      sdk: "new",
      sources: {},
      assets: {},
      functions: { "flow/a": "1" },
    });
    const kinds = driftBetween(base, all).findings.map(({ kind }) => kind);
    expect([...new Set(kinds)]).toEqual([
      "structure",
      "policy",
      "task-code",
      "shared",
      "asset",
      "runtime",
      "environment",
      "schema",
      "package",
    ]);
  });
});

describe("packages of the first format", () => {
  const old = (change: ManifestChange = {}) => compared(asFirstFormat(manifestOf({ version: "0.9.0", ...change })));

  it("have no false drift against the same package packed now, whose bundle is the same", () => {
    expect(lines(driftBetween(old(), base))).toEqual([]);
    expect(lines(driftBetween(old(flow({ params: object })), next(flow({ params: object }))))).toEqual([]);
  });

  it("have their definitions compared all the same", () => {
    expect(lines(driftBetween(old(), next(flow({ params: object, concurrency: 2 }))))).toEqual([
      "policy pack/flow: concurrency null → 2",
      "schema pack/flow: breaking: the params must be of type object now",
    ]);
  });

  it("cannot tell what they do not say", () => {
    const drift = driftBetween(
      old(flow({ params: object })),
      next({ ...flow({ params: object }), sources: { "lib.ts": "x" } }),
    );
    expect(lines(drift)).toEqual([
      "? shared bundle.mjs: one of the two was packed by a Cascade that kept no digests of sources",
      "? runtime pack@1.1.0: one of the two does not say which SDK it holds",
      "? schema pack/flow: its JSON Schema is the same, but no digest of its code is kept",
    ]);
    expect(driftResult(drift)).toBe("unknown");
  });

  it("tell among each other that shared code has changed, and not in which file", () => {
    expect(lines(driftBetween(old(), old({ version: "0.9.1", sources: { "lib.ts": "x" } })))).toEqual([
      "shared bundle.mjs: code outside of tasks has changed",
      "? shared bundle.mjs: in which files it has changed: each of the two was packed by a Cascade that kept no digests of sources",
    ]);
  });
});

describe("drift between a run and a live definition", () => {
  const content = ({ package: identity, env, workflows, code }: Compared) => ({
    package: identity,
    env,
    definition: workflows[0]!,
    code: Object.fromEntries(Object.entries(code).map(([id, digest]) => [id.slice("flow/".length), digest])),
  });
  const after = next({ functions: { "flow/a": "() => 9" } });

  it("is that of the one workflow", () => {
    const two = next({ workflows: [...manifestOf().workflows, definition([task("x")], { name: "other" })] });
    const was = comparedSnapshot(content(base), manifestOf());
    expect(lines(driftBetween(was, comparedSnapshot(content(two), two.manifest as Manifest)))).toEqual([]);
  });

  it("cannot be told of code outside of tasks when the run's manifest is not kept", () => {
    const drift = driftBetween(
      comparedSnapshot(content(base), undefined),
      comparedSnapshot(content(after), after.manifest as Manifest),
    );
    expect(lines(drift)).toEqual([
      "task-code pack/flow/a: its function has changed",
      "? shared pack@1.0.0: its manifest is not kept",
      "? asset pack@1.0.0: its manifest is not kept",
      "? runtime pack@1.0.0: its manifest is not kept",
    ]);
  });

  it("is none for one package, whatever is kept of it", () => {
    expect(
      lines(driftBetween(comparedSnapshot(content(base), undefined), comparedSnapshot(content(base), undefined))),
    ).toEqual([]);
  });

  it("names the program that executed, when both say which", () => {
    const engine = { cascade: "0.1.0", node: "20.20.2", platform: "linux-x64" };
    const side = (change = {}) => comparedSnapshot(content(base), undefined, { ...engine, ...change });
    expect(lines(driftBetween(side(), side({ node: "22.13.0" })))).toEqual(["runtime node: 20.20.2 → 22.13.0"]);
    expect(lines(driftBetween(side(), comparedSnapshot(content(base), undefined)))).toEqual([]);
  });
});

describe("drift", () => {
  const packages = fc
    .record({
      version: fc.constantFrom("1.0.0", "1.1.0"),
      env: fc.subarray(["A", "B"]),
      functions: fc.dictionary(fc.constantFrom("flow/a", "flow/b"), fc.constantFrom("x", "y")),
      sources: fc.dictionary(fc.constantFrom("workflow.ts", "lib.ts"), fc.constantFrom("x", "y")),
      sdk: fc.constantFrom("1", "2"),
      bundler: fc.constantFrom("1", "2"),
      assets: fc.dictionary(fc.constantFrom("p", "q"), fc.record({ text: fc.constantFrom("x", "y") })),
      workflow: fc.record({ concurrency: fc.constantFrom(null, 1), params: fc.constantFrom(null, true, object) }),
      after: fc.subarray(["a"]),
      isOld: fc.boolean(),
    })
    .map(({ workflow, after, isOld, ...change }) => {
      const manifest = manifestOf({ ...change, ...flow(workflow, { after }) });
      return compared(isOld ? asFirstFormat(manifest) : manifest);
    });
  const kinds = (list: readonly { kind: string }[]) => list.map(({ kind }) => kind);

  it("is none between a package and itself", () => {
    fc.assert(
      fc.property(packages, (one) => {
        expect(lines(driftBetween(one, one))).toEqual([]);
      }),
    );
  });

  it("is of the same kinds from either side", () => {
    fc.assert(
      fc.property(packages, packages, (one, other) => {
        const [there, back] = [driftBetween(one, other), driftBetween(other, one)];
        expect(kinds(back.findings)).toEqual(kinds(there.findings));
        expect(kinds(back.unknown)).toEqual(kinds(there.unknown));
      }),
    );
  });

  it("of packages packed now is where their fingerprints differ", () => {
    const components = {
      structure: "structure",
      policies: "policy",
      shared: "shared",
      environment: "environment",
      schema: "schema",
    } as const;
    fc.assert(
      fc.property(packages, packages, (one, other) => {
        const [was, is] = [one, other].map(({ manifest }) => manifest!.fingerprint);
        if (!was?.sources || !is?.sources) return;
        const found = new Set(kinds(driftBetween(one, other).findings));
        for (const [component, kind] of Object.entries(components)) {
          const differs = was[component as keyof typeof components] !== is[component as keyof typeof components];
          expect([kind, found.has(kind as never)]).toEqual([kind, differs]);
        }
      }),
    );
  });
});
