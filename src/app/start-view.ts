import { startFileIn } from "../domain/start-statement.ts";
import { readStatementText } from "../domain/statement-check.ts";
import type { ProofSink } from "../ports/proof-sink.ts";
import { openBundle } from "../proofs/envelope-checks.ts";
import type { StartView } from "./views.ts";

/** The start that the statement about a run's end names; null when it names none. */
export async function startView(statement: string, proofs: Pick<ProofSink, "read">): Promise<StartView | null> {
  const reading = readStatementText(statement);
  if ("problems" in reading) return null;
  const { start: digest } = reading.statement.predicate;
  const file = startFileIn(reading.statement);
  if (digest === undefined || file === null) return null;
  const text = await proofs.read(file);
  const opened = text === undefined ? undefined : openBundle(text);
  const entry = opened && "entry" in opened ? opened.entry : null;
  return { digest, file: `proofs/${file}`, index: entry?.index ?? null };
}
