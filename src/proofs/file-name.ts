import { proofFileName, startFileName } from "../domain/proof.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import { sha256 } from "../kernel/digest.ts";
import { failed, type Finding, passed } from "./finding.ts";
import type { Verification } from "./verification.ts";

/** Names that Cascade gives: of an end, of a start, and of another statement by its digest. */
const GIVEN_NAME = /^(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?:\.start)?|[0-9a-f]{64})\.sigstore\.json$/;

/** Holds the name of a proof file against what is in it. A file may be called anything else; two that were swapped may not. */
export function checkFileName(
  path: string,
  content: Pick<Verification, "statement" | "start">,
  statement: string,
): Finding[] {
  const name = lastOf(path);
  if (!GIVEN_NAME.test(name)) return [];
  const own = lastOf(ownName(content, statement));
  if (name !== own) return [failed("name", `the file is called ${name}, and what it holds belongs in ${own}`)];
  return [passed("name", "the file has the name of what it holds")];
}

function ownName({ statement, start }: Pick<Verification, "statement" | "start">, text: string): string {
  if (start) {
    const { runDetails, buildDefinition } = start.predicate;
    const createdAt = Date.parse(buildDefinition.internalParameters.createdAt);
    return startFileName({ id: runDetails.metadata.invocationId, createdAt });
  }
  if (!statement) return attestationFileName(sha256(text));
  const { invocationId, finishedOn } = statement.predicate.runDetails.metadata;
  return proofFileName({ runId: invocationId, endedAt: Date.parse(finishedOn) });
}

function lastOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}
