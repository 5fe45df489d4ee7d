import type { ProofBundle } from "../domain/bundle.ts";
import type { StartStatement } from "../domain/start-statement.ts";
import type { RunStatement } from "../domain/statement.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import type { FolderFinding } from "./finding.ts";
import { type Half, halfOf, pairProblem } from "./statement-rules.ts";

/** The starts and ends of the runs of a folder, of which each is good by itself. */
export interface StartPairs {
  addStart(name: string, statement: StartStatement, bundle: ProofBundle): void;
  addEnd(name: string, statement: RunStatement, bundle: ProofBundle): void;
  /** How they contradict each other, and which of them miss the other one. */
  findings(): FolderFinding[];
}

interface Start extends Half {
  name: string;
  digest: Digest;
  workflow: string;
  createdOn: string;
}

/** What is kept of it is little, because a folder may hold all runs of years. */
interface End {
  name: string;
  workflow: string;
  /** Null when it names no start. */
  start: (Half & { digest: Digest }) | null;
}

export function createStartPairs(): StartPairs {
  const starts = new Map<string, Start>();
  const ends = new Map<string, End>();
  const repeated: FolderFinding[] = [];

  return {
    addStart(name, statement, { statement: text, entry }) {
      const { runDetails, buildDefinition } = statement.predicate;
      const run = runDetails.metadata.invocationId;
      const other = starts.get(run);
      if (other) {
        repeated.push(contradiction(`${name} and ${other.name} are both the start of run ${run}`));
        return;
      }
      const { workflow } = buildDefinition.externalParameters;
      const { createdAt: createdOn } = buildDefinition.internalParameters;
      starts.set(run, { name, digest: sha256(text), workflow, createdOn, ...halfOf(statement, entry) });
    },
    addEnd(name, statement, { entry }) {
      const { runDetails, buildDefinition, start: digest } = statement.predicate;
      const start = digest === undefined ? null : { digest, ...halfOf(statement, entry) };
      ends.set(runDetails.metadata.invocationId, {
        name,
        workflow: buildDefinition.externalParameters.workflow,
        start,
      });
    },
    findings: () => [
      ...repeated,
      ...[...starts].flatMap(([run, start]) => wrongWithStart(run, start, ends.get(run)) ?? []),
      ...[...ends].flatMap(([run, end]) => (starts.has(run) ? [] : (missingStart(run, end) ?? []))),
    ],
  };
}

function wrongWithStart(run: string, start: Start, end: End | undefined): FolderFinding | undefined {
  if (!end) {
    const which = `run ${run} of ${start.workflow}, started ${start.createdOn}`;
    return { check: "start", status: "unknown", message: `${which} by ${start.name}, has no end here` };
  }
  if (!end.start) return contradiction(`${end.name} names no start, and ${start.name} is the start of its run`);
  if (end.start.digest !== start.digest) return contradiction(`${end.name} names another start than ${start.name}`);
  const problem = pairProblem(start, end.start);
  return problem === undefined ? undefined : contradiction(`${start.name} and ${end.name}: ${problem}`);
}

function missingStart(run: string, { name, workflow, start }: End): FolderFinding | undefined {
  if (!start) return undefined;
  const message = `the start of run ${run} of ${workflow}, which ${name} names, is not here`;
  return { check: "start", status: "unknown", message };
}

function contradiction(message: string): FolderFinding {
  return { check: "start", status: "failed", message };
}
