import type { Hold } from "../domain/hold.ts";
import type { Run, RunId } from "../domain/run.ts";
import { type Overlap, type ScheduleId, scheduleId, type WorkflowId } from "../domain/workflow.ts";

/** What admission needs to know of a run. */
export interface Candidate {
  id: RunId;
  schedule: ScheduleId | null;
  overlap: Overlap;
  /** Runs of its workflow at once; null is no limit. */
  limit: number | null;
}

/** The unfinished runs of one workflow. Ids sort by age. */
export interface WorkflowLine {
  paused: boolean;
  admitted: ReadonlyMap<RunId, Candidate>;
  queued: ReadonlyMap<RunId, Candidate>;
}

export function candidateOf(run: Run): Candidate {
  const { trigger, snapshot } = run;
  const schedule = trigger.kind === "schedule" ? trigger.schedule : null;
  const rule = snapshot.definition.schedules.find((candidate) => scheduleId(run.workflow, candidate.name) === schedule);
  return { id: run.id, schedule, overlap: rule?.overlap ?? "allow", limit: snapshot.definition.concurrency };
}

/** The queued runs that may begin now, oldest first. One that is held does not hold others back. */
export function admissible(line: WorkflowLine): RunId[] {
  if (line.paused) return [];
  const admitted = new Map(line.admitted);
  const chosen: RunId[] = [];
  const inOrder = [...line.queued.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  const waitingSchedules = new Set<ScheduleId>();
  for (const candidate of inOrder) {
    if (waitsForTurn(candidate, admitted, waitingSchedules) || isFull(candidate, admitted)) {
      if (candidate.schedule !== null) waitingSchedules.add(candidate.schedule);
      continue;
    }
    admitted.set(candidate.id, candidate);
    chosen.push(candidate.id);
  }
  return chosen;
}

/** Why a queued run of this line has not begun. */
export function holdsOf(line: WorkflowLine, candidate: Candidate): Hold[] {
  const holds: Hold[] = [];
  const hold = (kind: Hold["kind"], message: string) => holds.push({ kind, task: null, message });
  if (line.paused) hold("workflow_paused", "its workflow is paused; `cascade workflow resume` lets it begin");
  if (isFull(candidate, line.admitted)) {
    hold(
      "workflow_concurrency",
      `${line.admitted.size} runs of its workflow are running; the limit is ${candidate.limit}`,
    );
  }
  const earlier = [...line.queued.values()].some(
    (other) => other.schedule === candidate.schedule && other.id < candidate.id,
  );
  const waiting = new Set(earlier && candidate.schedule !== null ? [candidate.schedule] : []);
  if (waitsForTurn(candidate, line.admitted, waiting))
    hold("overlap", "the previous run of its schedule has not ended");
  return holds;
}

function isFull({ limit }: Candidate, admitted: ReadonlyMap<RunId, Candidate>): boolean {
  return limit !== null && admitted.size >= limit;
}

/** Runs of a schedule follow one another unless it allows overlap; those that catch up under `skip` do too. */
function waitsForTurn(
  { schedule, overlap }: Candidate,
  admitted: ReadonlyMap<RunId, Candidate>,
  waiting: ReadonlySet<ScheduleId>,
): boolean {
  if (schedule === null || overlap === "allow") return false;
  if (waiting.has(schedule)) return true;
  for (const other of admitted.values()) if (other.schedule === schedule) return true;
  return false;
}

/** Keeps the lines of all workflows and asks for admissions when one may have moved. */
export interface Admissions {
  add(run: Run): void;
  /** Adds a new run as one that has begun, if nothing holds it back and it waits for no other; else false, and it is not added. */
  admitAtOnce(run: Run): boolean;
  remove(run: Run): void;
  setPaused(workflow: WorkflowId, paused: boolean): void;
  isPaused(workflow: WorkflowId): boolean;
  /** A reason that holds every run back, such as a full disk; null lifts it. */
  setHeld(hold: Hold | null): void;
  holds(run: Run): Hold[];
}

export function createAdmissions(admit: (run: RunId) => void): Admissions {
  interface Line extends WorkflowLine {
    paused: boolean;
    admitted: Map<RunId, Candidate>;
    queued: Map<RunId, Candidate>;
  }
  const lines = new Map<WorkflowId, Line>();
  let held: Hold | null = null;

  const lineOf = (workflow: WorkflowId): Line => {
    const known = lines.get(workflow);
    if (known) return known;
    const line: Line = { paused: false, admitted: new Map(), queued: new Map() };
    lines.set(workflow, line);
    return line;
  };

  function reviewLine(line: Line): void {
    if (held) return;
    for (const id of admissible(line)) begin(line, line.queued.get(id)!);
  }

  function begin(line: Line, candidate: Candidate): void {
    line.queued.delete(candidate.id);
    line.admitted.set(candidate.id, candidate);
    admit(candidate.id);
  }

  function review(): void {
    for (const line of lines.values()) reviewLine(line);
  }

  return {
    add(run) {
      const line = lineOf(run.workflow);
      const candidate = candidateOf(run);
      if (run.head.state !== "queued") {
        line.admitted.set(run.id, candidate);
        return;
      }
      line.queued.set(run.id, candidate);
      // Whoever comes frees nobody else, and waits for others only as one of its schedule: a batch costs no review per run.
      if (candidate.schedule !== null) reviewLine(line);
      else if (!held && !line.paused && !isFull(candidate, line.admitted)) begin(line, candidate);
    },
    admitAtOnce(run) {
      const candidate = candidateOf(run);
      const line = lineOf(run.workflow);
      // A schedule's runs know an order among themselves.
      if (held || line.paused || candidate.schedule !== null || isFull(candidate, line.admitted)) return false;
      line.admitted.set(run.id, candidate);
      return true;
    },
    remove(run) {
      const line = lineOf(run.workflow);
      line.queued.delete(run.id);
      line.admitted.delete(run.id);
      if (line.queued.size > 0) reviewLine(line);
      else if (line.admitted.size === 0 && !line.paused) lines.delete(run.workflow);
    },
    setPaused(workflow, paused) {
      const line = lineOf(workflow);
      line.paused = paused;
      reviewLine(line);
    },
    isPaused: (workflow) => lines.get(workflow)?.paused ?? false,
    setHeld(hold) {
      held = hold;
      review();
    },
    holds(run) {
      if (run.head.state !== "queued") return [];
      const own = holdsOf(lineOf(run.workflow), candidateOf(run));
      return held ? [held, ...own] : own;
    },
  };
}
