import { fingerprintOf } from "../../src/domain/fingerprint.ts";
import type { Fingerprint, Manifest } from "../../src/domain/manifest.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { definition, task } from "./definitions.ts";

export interface ManifestChange extends Partial<Omit<Manifest, "fingerprint" | "files">> {
  /** By `workflow/task`: the text of a function. */
  functions?: Readonly<Record<string, string>>;
  /** By source: its part of the bundle. */
  sources?: Readonly<Record<string, string>>;
  /** By workflow: the code of its params' schema. */
  schemas?: Readonly<Record<string, string>>;
  sdk?: string;
  bundler?: string;
  assets?: Readonly<Record<string, { text: string; mode?: number }>>;
}

/** The manifest of a package with code, as the packer would make it of these parts. */
export function manifestOf(change: ManifestChange = {}): Manifest {
  const {
    functions,
    sources,
    schemas,
    sdk = "sdk",
    bundler = "1",
    assets = { "a.csv": { text: "1" } },
    ...rest
  } = change;
  const workflows = rest.workflows ?? [definition([task("a"), task("b", { after: ["a"] })])];
  const texts = workflows.flatMap(({ name, tasks }) =>
    tasks.flatMap(({ name: taskName, command }) => {
      const id = `${name}/${taskName}`;
      return command === null ? [[id, functions?.[id] ?? `() => "${id}"`] as const] : [];
    }),
  );
  const parts = {
    functions: Object.fromEntries(texts),
    sources: sources ?? { "workflow.ts": "w", "lib.ts": "l" },
    schemas: schemas ?? {},
    sdk,
  };
  const bundle = JSON.stringify(parts);
  const files = [
    ...Object.entries(assets).map(([path, { text, mode = 0o644 }]) => file(`assets/${path}`, text, mode)),
    file("bundle.mjs", bundle, 0o644),
  ];
  const env = rest.env ?? ["TOKEN"];
  return {
    format: 1,
    hostApi: 1,
    name: "pack",
    version: "1.0.0",
    description: "",
    env,
    workflows,
    files,
    fingerprint: fingerprintOf({
      workflows,
      env,
      files,
      functions: new Map(texts),
      sources: digests(parts.sources),
      schemas: digests(parts.schemas),
      sdk,
      toolchain: { bundler },
    }),
    ...rest,
  };
}

/** As the first packers made it: without a schema's own digest and without sources. */
export function asFirstFormat(manifest: Manifest): Manifest {
  const { schema: _, schemas: __, sources: ___, sdk: ____, ...old } = manifest.fingerprint;
  const fingerprint: Fingerprint = {
    ...old,
    structure: sha256(
      canonicalJson(
        manifest.workflows.map(({ name, params, tasks }) => ({
          name,
          params,
          tasks: tasks.map((task) => ({ name: task.name, after: task.after })),
        })),
      ),
    ),
    shared: sha256(`old ${old.shared}`),
  };
  return { ...manifest, fingerprint };
}

function file(path: string, text: string, mode: number): Manifest["files"][number] {
  return { path, sha256: sha256(text), size: Buffer.byteLength(text), mode };
}

function digests(texts: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, sha256(text)]));
}
