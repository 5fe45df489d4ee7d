import type { Manifest, PackageIdentity } from "../domain/manifest.ts";
import type { ServedPackage } from "../domain/registry.ts";
import { snapshotOf } from "../domain/snapshot.ts";
import { scheduleId, type WorkflowDefinition, workflowId } from "../domain/workflow.ts";
import type { Digest } from "../kernel/digest.ts";
import type { Calendar } from "../ports/calendar.ts";

export interface ServingContext {
  calendar: Pick<Calendar, "next">;
  /** For schedules that name no zone. */
  timezone: string;
  /** Schedules count from here. */
  now: number;
}

/** The live definitions that a package gives while it is the active one. Throws what the calendar throws. */
export function servedPackage(identity: PackageIdentity, manifest: Manifest, context: ServingContext): ServedPackage {
  return {
    name: identity.name,
    active: identity,
    workflows: manifest.workflows.map((definition) => {
      const content = { package: identity, env: manifest.env, definition, code: codeOf(manifest, definition) };
      return {
        id: workflowId(identity.name, definition.name),
        snapshot: snapshotOf(content).digest,
        content,
        present: true,
        pausedAt: null,
      };
    }),
    schedules: manifest.workflows.flatMap((definition) =>
      definition.schedules.map((schedule) => {
        const workflow = workflowId(identity.name, definition.name);
        const timezone = schedule.timezone ?? context.timezone;
        return {
          id: scheduleId(workflow, schedule.name),
          workflow,
          name: schedule.name,
          cron: schedule.cron,
          timezone,
          params: schedule.params,
          catchUp: schedule.catchUp,
          overlap: schedule.overlap,
          state: "active" as const,
          present: true,
          nextAt: context.calendar.next(schedule.cron, timezone, context.now),
        };
      }),
    ),
  };
}

function codeOf(manifest: Manifest, definition: WorkflowDefinition): Record<string, Digest> {
  const digests = definition.tasks.flatMap(({ name }) => {
    const digest = manifest.fingerprint.tasks[`${definition.name}/${name}`];
    return digest === undefined ? [] : [[name, digest] as const];
  });
  return Object.fromEntries(digests);
}

/** What is served of a package whose last version has left. */
export function nothingServed(name: string): ServedPackage {
  return { name, active: null, workflows: [], schedules: [] };
}
