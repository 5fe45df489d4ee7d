import type { Manifest, PackageIdentity } from "../domain/manifest.ts";
import type { PackageRecord } from "../domain/registry.ts";
import { packageFileKind } from "../domain/package-file.ts";
import { filePath } from "../domain/serving.ts";
import { type Digest, sha256InTurns } from "../kernel/digest.ts";
import { CascadeError, type ErrorView, errorView } from "../kernel/errors.ts";
import type { CodeStore, PackageArchive, PackageContent } from "../ports/package-archive.ts";
import type { FoundFile, PackageSource } from "../ports/package-source.ts";
import type { Candidate, Judgement } from "./gatekeeper.ts";
import type { Finding } from "./registry-step.ts";

export interface Look {
  /** Undefined when the file has gone meanwhile. */
  finding: Finding | undefined;
  /** Of a whole package whose code may have to be unpacked. */
  content?: PackageContent;
  /** What the trust policy wants somebody to hear about a whole package. */
  warnings?: readonly string[];
  /** Why an incomplete file is not a package yet; what it is rejected with when it stays so. */
  incomplete?: ErrorView;
}

export interface LoaderPorts {
  source: Pick<PackageSource, "read">;
  archive: PackageArchive;
  codeStore: Pick<CodeStore, "has">;
  /** Throws when the live definitions of a package cannot be made on this host. */
  check(identity: PackageIdentity, manifest: Manifest): void;
  /** Whether a package may be loaded from a folder. */
  judge(folder: string, candidate: Candidate): Judgement;
  /** Whether a text, which does not tell where it ends, has stood still for long enough to be whole. */
  isSettled(found: FoundFile): boolean;
}

/** Errors of a read that are about the file and stay until it changes; others are the disk's, and tried again. */
const ABOUT_THE_FILE: readonly string[] = ["PACKAGE_UNREADABLE", "PACKAGE_TOO_LARGE", "WATCH_UNSAFE"];

/**
 * Looks into one file: reads it once, and whatever is decided, unpacked and run later are those bytes. An archive of
 * `loaded` (by archive digest) is not unpacked again. Rejects only when the disk fails.
 */
export async function lookInto(
  found: FoundFile,
  loaded: ReadonlyMap<Digest, PackageRecord>,
  ports: LoaderPorts,
): Promise<Look> {
  const { location } = found;
  const rejected = (error: unknown, stat = found.stat): Look => ({
    finding: { kind: "rejected", location, stat, error: errorView(error) },
  });
  if (found.refusal) return { finding: { kind: "rejected", location, stat: found.stat, error: found.refusal } };
  const isCommands = packageFileKind(location.name) === "commands";
  if (isCommands && !ports.isSettled(found)) {
    const error = new CascadeError("PACKAGE_TRUNCATED", `${filePath(location)} may still be written to`);
    return { finding: { kind: "incomplete", location, stat: found.stat }, incomplete: errorView(error) };
  }
  let file;
  try {
    file = await ports.source.read(location);
  } catch (error) {
    if (error instanceof CascadeError && ABOUT_THE_FILE.includes(error.code)) return rejected(error);
    throw error;
  }
  if (!file) return { finding: undefined };
  const { bytes, stat } = file;
  const incomplete = (error: unknown): Look => ({
    finding: { kind: "incomplete", location, stat },
    incomplete: errorView(error),
  });
  if (file.changed) {
    return incomplete(new CascadeError("PACKAGE_TRUNCATED", `${filePath(location)} was written to while it was read`));
  }
  const archiveDigest = await sha256InTurns(bytes);
  const judged = (candidate: Candidate): Look => {
    const { identity, manifest } = candidate;
    const base = { location, stat, package: identity, archiveDigest };
    const judgement = ports.judge(location.folder, candidate);
    if ("error" in judgement) {
      const error = isCommands ? withWayToSign(judgement.error, filePath(location)) : judgement.error;
      return { finding: { kind: "refused", ...base, error } };
    }
    const { trust, warnings } = judgement;
    return { finding: { kind: "whole", ...base, manifest, trust }, warnings };
  };
  // The same text under two names is two packages.
  const known = isCommands ? undefined : loaded.get(archiveDigest);
  if (known && (await ports.codeStore.has(known.identity.digest))) return judged(known);
  try {
    const reading = await ports.archive.inspect(bytes, location.name);
    if (reading.kind === "incomplete") return incomplete(reading.error);
    if (reading.kind === "broken") return rejected(reading.error, stat);
    const { content } = reading;
    const { digest, manifest, signatures } = content;
    const identity = { name: manifest.name, version: manifest.version, digest };
    const look = judged({ identity, manifest, signatures });
    if (look.finding?.kind !== "whole") return look;
    const mistake = await ports.archive.check(content);
    if (mistake) return rejected(mistake, stat);
    ports.check(identity, manifest);
    if (content.files.size === manifest.files.length) return { ...look, content };
    const whole = await ports.archive.read(bytes, location.name);
    return whole.kind === "whole" ? { ...look, content: whole.content } : rejected(whole.error, stat);
  } catch (error) {
    return rejected(error, stat);
  }
}

function withWayToSign(error: ErrorView, path: string): ErrorView {
  if (error.code !== "PACKAGE_UNSIGNED") return error;
  const hint = `A text carries no signature: \`cascade pack '${path}' --sign KEY\` makes a signed package of it.`;
  return { ...error, hint };
}
