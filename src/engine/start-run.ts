import { advance, apply } from "../domain/advance.ts";
import type { NewRun, Verdict } from "../domain/change.ts";
import { newRun, withStart } from "../domain/new-run.ts";
import type { Run, RunHead } from "../domain/run.ts";
import type { RunChange } from "../domain/run-change.ts";
import type { Clock } from "../kernel/clock.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import type { Ids } from "../kernel/ids.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { Admissions } from "./admission.ts";
import type { Claim, Dispatcher } from "./dispatcher.ts";
import type { StartRun } from "./engine.ts";
import type { Committed } from "./run-book.ts";
import type { SealStart } from "./sealer.ts";

export interface StartRunOptions {
  writer: ChangeWriter;
  clock: Pick<Clock, "now">;
  ids: Ids;
  admissions: Pick<Admissions, "admitAtOnce" | "remove">;
  dispatcher: Pick<Dispatcher, "claimFresh">;
  sealStart: SealStart;
  crashPoint: CrashPoint;
  /** Durable, and not known to the engine yet. `begun` is what it has become since it was queued, if anything. */
  onCreated(run: Run, begun: Committed | undefined): void;
}

/** A run on its way into the store. */
interface Beginning {
  created: NewRun;
  /** What `created` contains already beyond a queued run. */
  begun: { change: RunChange; before: RunHead; claims: readonly Claim[] } | undefined;
}

/**
 * Creates runs. What nothing holds back is admitted, and its first tasks are claimed, in the very change that creates it:
 * a run then costs one durable step less before its code begins.
 */
export function createRunStarter(options: StartRunOptions) {
  const { writer, clock, ids, admissions, dispatcher } = options;

  function create(request: StartRun): NewRun {
    return newRun({ id: ids.next(), createdAt: clock.now(), ...request });
  }

  async function started(created: NewRun): Promise<NewRun> {
    return withStart(created, await options.sealStart(created.run));
  }

  function begin(created: NewRun): Beginning {
    const { run } = created;
    if (!admissions.admitAtOnce(run)) return { created, begun: undefined };
    const before = run.head;
    const claims = dispatcher.claimFresh(run, run.snapshot.roots);
    const change = advance(run, [{ type: "admit" }, ...claims.map(({ event }) => event)], run.createdAt)!;
    apply(run, change);
    const history = [...created.history, ...change.history];
    return { created: { run, history, start: created.start }, begun: { change, before, claims } };
  }

  function undo(beginnings: readonly Beginning[]): void {
    for (const { created, begun } of beginnings) {
      if (!begun) continue;
      for (const claim of begun.claims) claim.undone();
      admissions.remove(created.run);
    }
  }

  return {
    async create(request: StartRun): Promise<NewRun> {
      const created = create(request);
      return logsStart(created) ? started(created) : created;
    },

    /** All or none. The verdict is `exists` when a key is taken. */
    async start(requests: readonly StartRun[]): Promise<{ verdict: Verdict; runs: readonly Run[] }> {
      let created: readonly NewRun[] = requests.map(create);
      // Signed before anything is begun, so that a signer that fails leaves nothing to undo. All others begin in this very turn.
      if (created.some(logsStart)) {
        created = await Promise.all(created.map(async (one) => (logsStart(one) ? started(one) : one)));
      }
      const beginnings = created.map(begin);
      const runs = beginnings.map(({ created }) => created.run);
      try {
        const verdict = await writer.submit({
          type: "create_runs",
          runs: beginnings.map(({ created }) => created),
        });
        if (!verdict.ok) {
          undo(beginnings);
          return { verdict, runs: [] };
        }
        options.crashPoint("run-committed");
        for (const { created, begun } of beginnings) {
          options.onCreated(created.run, begun && { run: created.run, change: begun.change, before: begun.before });
          for (const claim of begun?.claims ?? []) claim.done();
        }
        return { verdict, runs };
      } catch (error) {
        undo(beginnings);
        throw error;
      }
    },
  };
}

function logsStart({ run }: NewRun): boolean {
  return run.snapshot.definition.logStart === true;
}
