/** What `describe-entry` finds in a bundle, written as JSON for the process that asked. */
export type Description = DescribedBundle | { failure: DescribeFailure };

export interface DescribedBundle {
  workflows: readonly DescribedWorkflow[];
  /** Offsets in the bundle of the names of the calls that wrote workflows, tasks and rules down. */
  calls: readonly number[];
  /** Workflows that were begun and are not exported. */
  forgotten: readonly { name: string; place: string }[];
}

export interface DescribedFunction {
  text: string;
  /** An offset in the bundle inside of this text; null for a function that has no place there. */
  at: number | null;
}

export interface DescribedWorkflow {
  /** As `readAuthoredDefinition` takes it, with params as JSON Schema. */
  value: unknown;
  /** The call that began it, one of `calls`; null when it was not seen. */
  call: number | null;
  /** Where the author wrote the workflow, each of its tasks and each of its rules: `file:line:column`, or a file. */
  place: string;
  taskPlaces: readonly string[];
  rulePlaces: readonly string[];
  /** Each task's function; null where there is none. */
  functions: readonly (DescribedFunction | null)[];
  /** Why the params have no JSON Schema; null when they do, or when there are none. */
  schemaMistake: string | null;
}

export interface DescribeFailure {
  message: string;
  place: string;
  /** The module that could not be found, when that is the failure. */
  missing?: string | undefined;
  /** The source that the failure came from, which may be a dependency's. */
  source?: string | undefined;
}
