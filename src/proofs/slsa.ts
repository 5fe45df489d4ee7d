import { type RunStatement, STATEMENT_TYPE } from "../domain/statement.ts";

/**
 * What a run's statement says in the words of SLSA provenance v1 (https://slsa.dev/spec/v1.0/provenance), for tools that know
 * no other predicate. It is not signed, and leaves out what SLSA has no place for: outcome, tasks, attempts and the chain.
 */
export function slsaProvenance({ subject, predicate }: RunStatement) {
  const { buildDefinition, runDetails } = predicate;
  return {
    _type: STATEMENT_TYPE,
    subject,
    predicateType: "https://slsa.dev/provenance/v1",
    predicate: {
      buildDefinition,
      runDetails: {
        builder: runDetails.builder,
        metadata: {
          invocationId: runDetails.metadata.invocationId,
          ...(runDetails.metadata.startedOn === null ? {} : { startedOn: runDetails.metadata.startedOn }),
          finishedOn: runDetails.metadata.finishedOn,
        },
      },
    },
  };
}
