import type { PackageRecord, PackageTrust } from "../domain/registry.ts";
import type { Digest } from "../kernel/digest.ts";
import type { ErrorView } from "../kernel/errors.ts";
import { isCandidate, type RegistryState } from "./registry-state.ts";
import type { Judgement } from "./gatekeeper.ts";

/** What another judgement of loaded packages has come to. */
export interface NewJudgements {
  /** Files, by path, whose package may not serve any longer. */
  refused: ReadonlyMap<string, ErrorView>;
  /** Files, by path, that hold something else by now and whose former package may not serve any longer. */
  letGo: ReadonlySet<string>;
  /** Packages that may. */
  trust: ReadonlyMap<Digest, PackageTrust>;
}

export const noNewJudgements: NewJudgements = { refused: new Map(), letGo: new Set(), trust: new Map() };

/**
 * Judges the packages that are loaded and that `concerns` names, once for each file that they serve from: rules are those of its
 * folder. Reads nothing: their signatures are known.
 */
export function judgeAnew(
  state: RegistryState,
  judge: (folder: string, record: PackageRecord) => Judgement,
  concerns: (record: PackageRecord) => boolean,
): NewJudgements {
  const refused = new Map<string, ErrorView>();
  const letGo = new Set<string>();
  const trust = new Map<Digest, PackageTrust>();
  for (const [path, file] of state.files) {
    const own = isCandidate(file) ? state.packages.get(file.package.digest) : undefined;
    const kept = file.keeps === null ? undefined : state.packages.get(file.keeps);
    for (const record of [own, kept]) {
      if (!record || !concerns(record)) continue;
      const judgement = judge(file.location.folder, record);
      if ("trust" in judgement) trust.set(record.identity.digest, judgement.trust);
      else if (record === own) refused.set(path, judgement.error);
      else letGo.add(path);
    }
  }
  return { refused, letGo, trust };
}

export function isEmpty({ refused, letGo, trust }: NewJudgements): boolean {
  return refused.size === 0 && letGo.size === 0 && trust.size === 0;
}
