import { chmodSync, mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

export interface FolderContent {
  name?: string;
  version?: string;
  /** Members of the `cascade` object beside the entry. */
  cascade?: Record<string, unknown>;
  /** The source of `workflow.ts`, or of `workflow.yaml`. */
  source?: string;
  yaml?: string;
  /** Further files by path; `{executable}` gets mode 0755. */
  files?: Record<string, string | { executable: string }>;
}

/** Writes an author's folder to `folder`, or to a new temporary one. */
export function writePackageFolder(
  content: FolderContent,
  folder = mkdtempSync(join(tmpdir(), "cascade-source-")),
): string {
  const { name = "demo", version = "1.0.0", cascade, source, yaml, files = {} } = content;
  const entry = yaml === undefined ? "workflow.ts" : "workflow.yaml";
  const all: NonNullable<FolderContent["files"]> = {
    "package.json": JSON.stringify({ name, version, cascade: { entry, ...cascade } }),
    ...(source === undefined ? {} : { "workflow.ts": source }),
    ...(yaml === undefined ? {} : { "workflow.yaml": yaml }),
    ...files,
  };
  for (const [path, text] of Object.entries(all)) {
    const target = join(folder, path);
    mkdirSync(dirname(target), { recursive: true });
    writeFileSync(target, typeof text === "string" ? text : text.executable);
    if (typeof text !== "string") chmodSync(target, 0o755);
  }
  return folder;
}

export async function removeFolder(folder: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
}
