import { policyFileChanges, signatureChanges } from "../domain/drift-trust.ts";
import type { PackageFileRecord, PackageRecord } from "../domain/registry.ts";
import type { TrustPolicy } from "../domain/trust-policy.ts";
import type { DriftReport } from "./drift-report.ts";

/** The trust policy by which a daemon would judge now, null without one; or why it cannot be read. */
export type LivePolicy = { policy: TrustPolicy | null; place: string } | { problem: string };

export interface TrustSources {
  trust: LivePolicy;
  now: number;
  /** The path without symbolic links. */
  realPath(path: string): string;
}

/** Holds what admitted loaded packages against the trust policy of this moment. */
export function checkTrust(
  loaded: readonly PackageRecord[],
  files: readonly PackageFileRecord[],
  { trust, now, realPath }: TrustSources,
  report: DriftReport,
): void {
  if ("problem" in trust) {
    if (loaded.length === 0) return;
    for (const kind of ["signature", "policy-file"] as const) report.cannotTell(kind, "trust policy", trust.problem);
    return;
  }
  for (const record of loaded) {
    const { digest } = record.identity;
    const holding = files.filter((file) => file.keeps === digest || file.package?.digest === digest);
    const folders = [...new Set(holding.map(({ location }) => location.folder))];
    const given = { record, folders, ...trust, now, realPath };
    report.add("signature", signatureChanges(given));
    report.add("policy-file", policyFileChanges(given));
  }
}
