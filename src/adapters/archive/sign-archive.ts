import { MANIFEST_FILE } from "../../domain/manifest.ts";
import { type PackageSignature, signatureLimits, signaturePath } from "../../domain/package-signature.ts";
import { invariant } from "../../kernel/assert.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { PackageContent } from "../../ports/package-archive.ts";
import { type ArchiveFile, writeArchive } from "./write-archive.ts";

/**
 * The `.cascade` file of a package with these signatures in the place of those it has. Its digest stays the same. Throws
 * `PACKAGE_TOO_LARGE` when there are too many.
 */
export function withSignatures(content: PackageContent, signatures: readonly PackageSignature[]): Buffer {
  if (signatures.length > signatureLimits.count) {
    throw new CascadeError(
      "PACKAGE_TOO_LARGE",
      `the package would have ${signatures.length} signatures, more than ${signatureLimits.count}`,
      { hint: "Pack it anew, and let those sign who have to." },
    );
  }
  const files = content.manifest.files.map(({ path, mode }): ArchiveFile => {
    const bytes = content.files.get(path);
    invariant(bytes, `${path} of the manifest was read`);
    return { path, bytes, mode };
  });
  return writeArchive([
    { path: MANIFEST_FILE, bytes: content.manifestBytes, mode: 0o644 },
    ...files,
    ...signatures
      .toSorted((a, b) => (a.keyId < b.keyId ? -1 : 1))
      .map(({ keyId, bundle }) => ({ path: signaturePath(keyId), bytes: Buffer.from(bundle, "utf8"), mode: 0o644 })),
  ]);
}
