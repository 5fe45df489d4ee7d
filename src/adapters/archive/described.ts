/** What `describe-entry` finds in a bundle, written as JSON for the process that asked. */
export type Description = { workflows: readonly DescribedWorkflow[] } | { failure: DescribeFailure };

export interface DescribedWorkflow {
  /** As `readAuthoredDefinition` takes it, with params as JSON Schema. */
  value: unknown;
  /** Where the author wrote the workflow, each of its tasks and each of its rules: `file:line:column`, or a file. */
  place: string;
  taskPlaces: readonly string[];
  rulePlaces: readonly string[];
  /** The text of each task's function; null where there is none. */
  functions: readonly (string | null)[];
  /** Why the params have no JSON Schema; null when they do, or when there are none. */
  schemaMistake: string | null;
}

interface DescribeFailure {
  message: string;
  place: string;
}
