import { isLower } from "../domain/admission.ts";
import type { PackageIdentity } from "../domain/manifest.ts";
import type { AdmissionRecord } from "../domain/registry.ts";
import type { TrustPolicy } from "../domain/trust-policy.ts";
import type { Digest } from "../kernel/digest.ts";
import type { RegistryStore } from "../ports/store.ts";

/** What admitted each package that was ever loaded, in memory: runs outlive the packages they came from. */
export interface AdmissionBook {
  /** Reads what the store knows; before anything is asked. */
  load(): Promise<void>;
  /** Called when a registry change is durable. */
  note(records: readonly AdmissionRecord[]): void;
  of(digest: Digest): AdmissionRecord | undefined;
  /**
   * The highest version of a package that any policy has admitted. What is revoked does not count, so that a bad version can
   * be taken back; nor does what was loaded while there was no policy. Null without one.
   */
  highest(name: string, revoked: TrustPolicy["revoked"]): string | null;
}

export function createAdmissionBook(store: Pick<RegistryStore, "admissions">): AdmissionBook {
  const records = new Map<Digest, AdmissionRecord>();
  const byName = new Map<string, Map<Digest, AdmissionRecord>>();

  function note(record: AdmissionRecord): void {
    const { identity, admission, policy, signers } = record;
    const kept = { identity, admission, policy, signers };
    records.set(identity.digest, kept);
    const namesakes = byName.get(identity.name) ?? new Map<Digest, AdmissionRecord>();
    byName.set(identity.name, namesakes.set(identity.digest, kept));
  }

  return {
    async load() {
      for (const record of await store.admissions()) note(record);
    },
    note: (added) => added.forEach(note),
    of: (digest) => records.get(digest),
    highest(name, revoked) {
      let highest: PackageIdentity | undefined;
      for (const { identity, policy, signers } of byName.get(name)?.values() ?? []) {
        if (policy === null || revoked.packages.has(identity.digest)) continue;
        if (signers.some((keyId) => revoked.keys.has(keyId))) continue;
        if (!highest || isLower(highest.version, identity.version)) highest = identity;
      }
      return highest?.version ?? null;
    },
  };
}
