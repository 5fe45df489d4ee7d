import type { Digest } from "../kernel/digest.ts";
import {
  type Compared,
  type Difference,
  hasEqualBundle,
  hasEqualPackage,
  nameOf,
  pairs,
  unpaired,
} from "./drift-side.ts";
import { ASSETS_FOLDER, BUNDLE_FILE, type Fingerprint, type PackageFile } from "./manifest.ts";
import { workflowId } from "./workflow.ts";

/** By the text of its function in the bundle, or its command. */
export function* taskCodeChanges(before: Compared, after: Compared): Iterable<Difference> {
  if (hasEqualPackage(before, after)) return;
  for (const { was, is } of pairs(before.workflows, after.workflows)) {
    for (const task of pairs(was.tasks, is.tasks)) {
      const id = workflowId(is.name, task.is.name);
      const [old, next] = [before.code[id], after.code[id]];
      const subject = workflowId(after.package.name, id);
      if (old === undefined || next === undefined) {
        yield { subject, message: "no digest of its code is kept", isUnknown: true };
      } else if (old !== next) {
        const [from, to] = [task.was, task.is].map(({ command }) => (command === null ? "function" : "command"));
        yield { subject, message: from === to ? `its ${to} has changed` : `it was a ${from} and is a ${to}` };
      }
    }
  }
}

/** By source file, and never guessed onto tasks. */
export function* sharedChanges(before: Compared, after: Compared): Iterable<Difference> {
  if (hasEqualPackage(before, after)) return;
  const [old, next] = [before.manifest, after.manifest];
  if (!old || !next) yield notKept(before, after);
  else if (!hasEqualBundle(before, after)) yield* sourceChanges(old.fingerprint, next.fingerprint);
}

function* sourceChanges(was: Fingerprint, is: Fingerprint): Iterable<Difference> {
  const subject = BUNDLE_FILE;
  const lacks = "was packed by a Cascade that kept no digests of sources";
  if (was.sources && is.sources) yield* changedMembers(was.sources, is.sources, "its shared code");
  else if (was.sources || is.sources) yield { subject, message: `one of the two ${lacks}`, isUnknown: true };
  else if (was.shared !== is.shared) {
    yield { subject, message: "code outside of tasks has changed" };
    yield { subject, message: `in which files it has changed: each of the two ${lacks}`, isUnknown: true };
  }
}

/** By path, content and whether it may be executed. */
export function* assetChanges(before: Compared, after: Compared): Iterable<Difference> {
  if (hasEqualPackage(before, after)) return;
  if (!before.manifest || !after.manifest) {
    yield notKept(before, after);
    return;
  }
  const [was, is] = [assetsIn(before.manifest.files), assetsIn(after.manifest.files)];
  yield* changedMembers(digestsOf(was), digestsOf(is), "the file");
  for (const { was: old, is: next } of pairs(was, is)) {
    if (old.mode === next.mode) continue;
    yield { subject: next.name, message: `mode ${old.mode.toString(8)} → ${next.mode.toString(8)}` };
  }
}

export function* environmentChanges(before: Compared, after: Compared): Iterable<Difference> {
  for (const { name, isNew } of unpaired(before.env, after.env)) {
    yield { subject: name, message: isNew ? "the variable is declared now" : "the variable is not declared any more" };
  }
}

/** What made the code: bundler, language level, host interface, SDK. And what executed it. */
export function* runtimeChanges(before: Compared, after: Compared): Iterable<Difference> {
  yield* engineChanges(before, after);
  if (hasEqualPackage(before, after)) return;
  if (!before.manifest || !after.manifest) {
    yield notKept(before, after);
    return;
  }
  const subject = nameOf(after.package);
  const [was, is] = [before.manifest.fingerprint, after.manifest.fingerprint];
  if (was.runtime !== is.runtime) {
    yield { subject, message: "it is packed by another bundler, or for another language level or host interface" };
  }
  if (was.sdk === is.sdk || hasEqualBundle(before, after)) return;
  if (was.sdk && is.sdk) yield { subject, message: "it holds another version of the SDK" };
  else if (!was.sources || !is.sources) {
    yield { subject, message: "one of the two does not say which SDK it holds", isUnknown: true };
  }
}

function* engineChanges(before: Compared, after: Compared): Iterable<Difference> {
  const [was, is] = [before.engine, after.engine];
  if (!was || !is) return;
  for (const part of ["cascade", "node", "platform"] as const) {
    if (was[part] !== is[part]) yield { subject: part, message: `${was[part]} → ${is[part]}` };
  }
}

function notKept(before: Compared, after: Compared): Difference {
  const subject = nameOf((before.manifest ? after : before).package);
  return { subject, message: "its manifest is not kept", isUnknown: true };
}

function* changedMembers(
  was: Readonly<Record<string, Digest>>,
  is: Readonly<Record<string, Digest>>,
  what: string,
): Iterable<Difference> {
  for (const subject of [...new Set([...Object.keys(was), ...Object.keys(is)])].sort()) {
    if (was[subject] === is[subject]) continue;
    if (was[subject] === undefined) yield { subject, message: `${what} is new` };
    else yield { subject, message: is[subject] === undefined ? `${what} is gone` : `${what} has changed` };
  }
}

function assetsIn(files: readonly PackageFile[]): (PackageFile & { name: string })[] {
  const assets = files.filter(({ path }) => path.startsWith(`${ASSETS_FOLDER}/`));
  return assets.map((file) => ({ ...file, name: file.path }));
}

function digestsOf(files: readonly PackageFile[]): Record<string, Digest> {
  return Object.fromEntries(files.map(({ path, sha256 }) => [path, sha256]));
}
