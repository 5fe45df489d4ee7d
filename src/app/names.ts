import type { WorkflowRecord } from "../domain/registry.ts";
import type { WorkflowId } from "../domain/workflow.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { ErrorCode } from "../kernel/error-catalogue.ts";
import { nearestName } from "../kernel/nearest.ts";

/** How a kind of name fails to be resolved. */
interface NameKind {
  noun: string;
  unknown: ErrorCode;
  ambiguous: ErrorCode;
}

export const workflowNames: NameKind = {
  noun: "workflow",
  unknown: "WORKFLOW_UNKNOWN",
  ambiguous: "WORKFLOW_AMBIGUOUS",
};
export const scheduleNames: NameKind = {
  noun: "schedule",
  unknown: "SCHEDULE_UNKNOWN",
  ambiguous: "SCHEDULE_AMBIGUOUS",
};

/**
 * The full identity that a person means: an identity as it is, or its last parts while only one identity ends so
 * (`report` for `sales/report`). Several give the kind's ambiguous error with `details.candidates`, none its unknown one.
 */
export function resolveName(name: string, identities: readonly string[], kind: NameKind): string {
  if (identities.includes(name)) return name;
  const candidates = identities.filter((identity) => name !== "" && identity.endsWith(`/${name}`));
  if (candidates.length === 1) return candidates[0]!;
  if (candidates.length > 1) {
    throw new CascadeError(
      kind.ambiguous,
      `several ${kind.noun}s are called ${name}: ${candidates.toSorted().join(", ")}`,
      { details: { candidates: candidates.toSorted() } },
    );
  }
  const spelled = identities.flatMap((identity) => [identity, identity.slice(identity.indexOf("/") + 1)]);
  const nearest = nearestName(name, spelled);
  throw new CascadeError(
    kind.unknown,
    `there is no ${kind.noun} ${name}`,
    nearest === undefined ? {} : { hint: `Did you mean ${nearest}?` },
  );
}

/** A workflow that is there, else one that was: its past may be asked for. */
export function resolvePastWorkflow(name: string, records: readonly WorkflowRecord[]): WorkflowId {
  const present = records.filter((record) => record.present).map(({ id }) => id);
  const isPast = !present.some((id) => id === name || id.endsWith(`/${name}`));
  return resolveName(name, isPast ? records.map(({ id }) => id) : present, workflowNames);
}
