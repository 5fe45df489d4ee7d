import { type FingerprintSource, fingerprintOf } from "../../domain/fingerprint.ts";
import { HOST_API, type Manifest, MANIFEST_FORMAT } from "../../domain/manifest.ts";

type Described = Pick<Manifest, "name" | "version" | "description" | "env" | "workflows" | "files">;

/** The manifest of what was read, with its fingerprint; `code` is what the fingerprint says of code. */
export function buildManifest(
  described: Described,
  code: Omit<FingerprintSource, "workflows" | "env" | "files">,
): Manifest {
  const { name, version, description, env, workflows, files } = described;
  return {
    format: MANIFEST_FORMAT,
    hostApi: HOST_API,
    name,
    version,
    description,
    env,
    workflows,
    files,
    fingerprint: fingerprintOf({ workflows, env, files, ...code }),
  };
}
