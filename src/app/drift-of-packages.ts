import { comparedPackage, nameOf } from "../domain/drift-side.ts";
import { MANIFEST_FILE } from "../domain/manifest.ts";
import type { PackageFileRecord, PackageRecord } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { toCascadeError } from "../kernel/errors.ts";
import type { PackageArchive, StoredCode } from "../ports/package-archive.ts";
import type { PackageSource } from "../ports/package-source.ts";
import { type DriftReport, labelled } from "./drift-report.ts";

/** Holds the unpacked code against its manifest. `isNeeded`: something runs it, or may. */
export async function checkStored(
  { identity, manifest }: PackageRecord,
  isNeeded: boolean,
  code: StoredCode,
  report: DriftReport,
): Promise<void> {
  const name = nameOf(identity);
  let found: ReadonlyMap<string, Digest> | undefined;
  try {
    found = await code.digests(identity.digest);
  } catch (error) {
    return report.cannotTell("store", name, toCascadeError(error).message);
  }
  const folder = `store/${identity.digest}`;
  if (!found) {
    if (isNeeded) report.find("store", name, `${folder} is not there`);
    return;
  }
  const expected = new Map([
    [MANIFEST_FILE, identity.digest],
    ...manifest.files.map(({ path, sha256: is }) => [path, is] as const),
  ]);
  for (const [path, digest] of expected) {
    const is = found.get(path);
    if (is === undefined) report.find("store", `${name}/${path}`, `${folder}/${path} is not there`);
    else if (is !== digest) report.find("store", `${name}/${path}`, `${folder}/${path} is not what its manifest says`);
  }
  for (const path of found.keys()) {
    if (!expected.has(path)) report.find("store", `${name}/${path}`, `${folder}/${path} is in no manifest`);
  }
}

export interface FolderPorts {
  files: Pick<PackageSource, "read">;
  archive: PackageArchive;
}

/** Holds a file of a watched folder against the package that was admitted from it. `loaded`: packages by digest. */
export async function checkFile(
  file: PackageFileRecord,
  loaded: ReadonlyMap<Digest, PackageRecord>,
  ports: FolderPorts,
  report: DriftReport,
): Promise<void> {
  const path = filePath(file.location);
  const admitted = loaded.get(file.keeps ?? file.package?.digest ?? "");
  if (!admitted || file.state === "rejected") return reportRejected(file, loaded, report);
  const name = nameOf(admitted.identity);
  let bytes: Buffer | undefined;
  try {
    bytes = (await ports.files.read(file.location))?.bytes;
  } catch (error) {
    return report.cannotTell("package", name, toCascadeError(error).message);
  }
  if (!bytes) return report.find("missing", name, `it is admitted from ${path}, which is not there`);
  if (sha256(bytes) === file.archiveDigest) return;
  const reading = await ports.archive.read(bytes, file.location.name);
  if (reading.kind !== "whole") {
    const { code, message } = reading.error;
    return report.find("package", name, `${path} has other bytes than were admitted: ${code}: ${message}`);
  }
  const { manifest, digest } = reading.content;
  report.compare(
    labelled("admitted", comparedPackage(admitted.manifest, admitted.identity.digest)),
    labelled(path, comparedPackage(manifest, digest)),
  );
}

/** A rejected file matters here when it stands for an admitted package, or in its place. */
function reportRejected(
  { location, package: held, keeps, state, error }: PackageFileRecord,
  loaded: ReadonlyMap<Digest, PackageRecord>,
  report: DriftReport,
): void {
  const rivals = [...loaded.values()].map(({ identity }) => identity);
  const rival = rivals.find(({ name, version, digest }) =>
    keeps === null ? name === held?.name && version === held.version && digest !== held.digest : digest === keeps,
  );
  if (!rival || state !== "rejected") return;
  const reason = error ? `: ${error.code}: ${error.message}` : "";
  report.find(
    "package",
    nameOf(rival),
    `${filePath(location)} has other bytes than were admitted, and was rejected${reason}`,
  );
}
