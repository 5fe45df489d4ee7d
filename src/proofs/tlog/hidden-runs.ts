import { readStartStatementText } from "../../domain/statement-check.ts";
import { START_PREDICATE_TYPE, type StartStatement } from "../../domain/start-statement.ts";
import type { StoredStatement } from "../../domain/tlog.ts";
import type { ProofStore } from "../../ports/store.ts";

/** How many of the statements are starts, and those of them whose run the database has nothing of. */
export async function hiddenRuns(
  statements: readonly StoredStatement[],
  store: Pick<ProofStore, "unknownRuns">,
): Promise<{ starts: number; hidden: readonly StartStatement[] }> {
  const starts = statements.flatMap(({ statement }) => startIn(statement) ?? []);
  if (starts.length === 0) return { starts: 0, hidden: [] };
  const unknown = new Set(await store.unknownRuns(starts.map(runOf)));
  return { starts: starts.length, hidden: starts.filter((start) => unknown.has(runOf(start))) };
}

/** By what is signed, and not by the name of its file, which is in the same hands as the database. */
function startIn(statement: string): StartStatement | undefined {
  if (!statement.includes(START_PREDICATE_TYPE)) return undefined;
  const reading = readStartStatementText(statement);
  return "statement" in reading ? reading.statement : undefined;
}

function runOf({ predicate }: StartStatement): string {
  return predicate.runDetails.metadata.invocationId;
}
