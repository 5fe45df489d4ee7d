import { readFile, stat } from "node:fs/promises";
import { basename, isAbsolute } from "node:path";
import { createFieldCheck, formatPath } from "../../domain/field-check.ts";
import { BUNDLE_FILE, MANIFEST_FILE } from "../../domain/manifest.ts";
import { checkWorkflows, formatManifest, parseManifest } from "../../domain/manifest-check.ts";
import { packageFileKind } from "../../domain/package-file.ts";
import { invariant } from "../../kernel/assert.ts";
import { sha256 } from "../../kernel/digest.ts";
import { CascadeError, type Problem, problem } from "../../kernel/errors.ts";
import type { DefinitionRules } from "../../domain/definition-check.ts";
import type { Calendar } from "../../ports/calendar.ts";
import type { Inspection, PackageBuilder } from "../../ports/package-builder.ts";
import { readAssets } from "./assets.ts";
import { buildManifest } from "./build-manifest.ts";
import { toolchain } from "./bundle.ts";
import { readCommandFile } from "./command-file.ts";
import { archiveLimits } from "./package-archive.ts";
import { type PackageFolder, readPackageFolder } from "./package-folder.ts";
import { type EntryReader, type EntryReading, readWorkflows } from "./read-workflows.ts";
import { type ArchiveFile, writeArchive } from "./write-archive.ts";

export type PackageBuilderOptions = Omit<EntryReader, "rules"> & {
  calendar: Calendar;
  schemas: Pick<DefinitionRules, "schemaMistake" | "paramsMistakes">;
};

/** The builder of `cascade pack`. `describeEntry` is JavaScript; the SDK may be its source or its build. */
export function createPackageBuilder({ calendar, schemas, ...options }: PackageBuilderOptions): PackageBuilder {
  const reader: EntryReader = {
    ...options,
    rules: {
      ...schemas,
      checkCron: (cron) => calendar.checkCron(cron),
      checkTimezone: (name) => calendar.checkTimezone(name),
    },
  };
  return {
    async build(folder) {
      const { built, problems } = await inspect(folder, reader);
      const [first] = problems;
      if (first) throw new CascadeError(first.code, `${first.place}: ${first.message}`, { hint: first.hint, problems });
      invariant(built, "a folder without problems is packed");
      return built;
    },
    inspect: (folder) => inspect(folder, reader),
  };
}

async function inspect(path: string, reader: EntryReader): Promise<Inspection> {
  invariant(isAbsolute(path), "what is packed is named by its absolute path");
  return packageFileKind(basename(path)) === "commands" && (await stat(path)).isFile()
    ? inspectCommandFile(path, reader)
    : inspectFolder(path, reader);
}

async function inspectCommandFile(path: string, { rules }: EntryReader): Promise<Inspection> {
  try {
    const manifest = readCommandFile(await readFile(path), basename(path), rules);
    const bytes = formatManifest(manifest);
    const archive = writeArchive([{ path: MANIFEST_FILE, bytes, mode: 0o644 }]);
    const fileName = `${manifest.name}-${manifest.version}.cascade`;
    const built = { bytes: archive, fileName, digest: sha256(bytes), manifest, warnings: [] };
    return { built, problems: [], warnings: [] };
  } catch (error) {
    if (!(error instanceof CascadeError)) throw error;
    const { code, message, hint, problems } = error;
    const all = problems.length > 0 ? problems : [problem(code, basename(path), message, hint)];
    return { built: null, problems: all, warnings: [] };
  }
}

async function inspectFolder(folder: string, reader: EntryReader): Promise<Inspection> {
  const { source, problems: mistakes } = await readPackageFolder(folder);
  if (!source) return { built: null, problems: mistakes, warnings: [] };
  const entry = source.entry ? await readWorkflows(folder, { ...source, entry: source.entry }, reader) : undefined;
  const assets = await readAssets(folder, source.assets);
  const among = createFieldCheck((path) => `${source.entry?.path} ${formatPath(path)}`);
  if (entry && entry.workflows.length > 0) checkWorkflows(entry.workflows, among);
  const problems = [...mistakes, ...(entry?.problems ?? []), ...among.problems, ...assets.problems];
  const warnings = entry?.warnings ?? [];
  if (problems.length > 0 || !entry) return { built: null, problems, warnings };
  try {
    return { ...pack(source, entry, assets.files, reader), warnings };
  } catch (error) {
    // Text that is no Unicode has no canonical bytes.
    if (!(error instanceof CascadeError)) throw error;
    return { built: null, problems: [problem(error.code, MANIFEST_FILE, error.message)], warnings };
  }
}

function pack(
  source: PackageFolder,
  { workflows, bundle, functions, parts, warnings }: EntryReading,
  assets: readonly ArchiveFile[],
  reader: EntryReader,
): Pick<Inspection, "built" | "problems"> {
  const code: ArchiveFile[] =
    bundle === null
      ? []
      : [fileOf(BUNDLE_FILE, bundle.code), fileOf(`${BUNDLE_FILE}.map`, bundle.map), ...bundle.files];
  const contents = [...assets, ...code].sort((a, b) => (a.path < b.path ? -1 : 1));
  const files = contents.map(({ path, bytes, mode }) => ({ path, sha256: sha256(bytes), size: bytes.length, mode }));
  const { name, version, description, env } = source;
  const manifest = buildManifest(
    { name, version, description, env, workflows, files },
    { functions, ...parts, sdk: bundle?.sdk ?? null, toolchain },
  );
  const manifestBytes = formatManifest(manifest);
  // Whoever loads it checks it again; what would be refused there is refused here.
  const parsed = parseManifest(manifestBytes, reader.rules);
  if ("error" in parsed) {
    const { code: errorCode, message, problems } = parsed.error;
    return { built: null, problems: problems.length > 0 ? problems : [problem(errorCode, MANIFEST_FILE, message)] };
  }
  const bytes = writeArchive([{ path: MANIFEST_FILE, bytes: manifestBytes, mode: 0o644 }, ...contents]);
  const unpacked = files.reduce((sum, file) => sum + file.size, manifestBytes.length);
  const problems = [
    ...limitProblem("bytes packed", bytes.length, archiveLimits.packed),
    ...limitProblem("bytes unpacked", unpacked, archiveLimits.unpacked),
    ...limitProblem("files", files.length + 1, archiveLimits.entries),
  ];
  if (problems.length > 0) return { built: null, problems };
  return {
    built: { bytes, fileName: `${name}-${version}.cascade`, digest: sha256(manifestBytes), manifest, warnings },
    problems,
  };
}

function fileOf(path: string, text: string): ArchiveFile {
  return { path, bytes: Buffer.from(text, "utf8"), mode: 0o644 };
}

function limitProblem(what: string, count: number, limit: number): Problem[] {
  if (count <= limit) return [];
  return [problem("PACKAGE_TOO_LARGE", "package", `the package has ${count} ${what}, more than ${limit}`)];
}
