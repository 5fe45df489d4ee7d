import type { RunStatement } from "../domain/statement.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { parseBundle, type ProofBundle } from "../domain/bundle.ts";
import type { FolderFinding } from "./finding.ts";
import { createStartPairs } from "./start-pairs.ts";
import { createTimeOrder } from "./time-order.ts";
import type { Verification, VerificationResult } from "./verification.ts";

/** One file of a folder and what came of it. */
export interface VerifiedFile {
  name: string;
  verification: Verification;
}

export interface FolderVerification {
  result: VerificationResult;
  /** How many files came to each result. */
  counts: Readonly<Record<VerificationResult, number>>;
  /** Those that are not valid, in the order they were given. */
  files: readonly VerifiedFile[];
  findings: readonly FolderFinding[];
}

/**
 * Holds proof files against each other: the runs of a workflow follow one another, whatever was started has an end, no leaf is of
 * two statements, no log has two heads of one size, and time does not go back along it. `verify` says what each file is worth by
 * itself; only what is valid speaks about the others.
 */
export async function verifyFolder(
  files: AsyncIterable<{ name: string; text: string }>,
  verify: (bundle: string, name: string) => Promise<Verification>,
): Promise<FolderVerification> {
  const counts = { valid: 0, refused: 0, incomplete: 0 };
  const others: VerifiedFile[] = [];
  const chains = new Map<string, ChainLink[]>();
  const leaves = new Map<string, string>();
  const heads = new Map<string, { root: string; name: string }>();
  const pairs = createStartPairs();
  const order = createTimeOrder();
  const findings: FolderFinding[] = [];

  function compareEntry(name: string, { entry }: ProofBundle): void {
    if (!entry) return;
    const leaf = `${entry.logId} ${entry.index}`;
    const other = leaves.get(leaf);
    if (other !== undefined) findings.push(contradiction("leaf", `${name} and ${other} are both leaf ${entry.index}`));
    else leaves.set(leaf, name);
    const head = `${entry.logId} ${entry.size}`;
    const known = heads.get(head);
    if (!known) heads.set(head, { root: entry.root, name });
    else if (known.root !== entry.root) {
      findings.push(
        contradiction("head", `${name} and ${known.name} have two heads of ${entry.size} leaves of one log`),
      );
    }
  }

  for await (const { name, text } of files) {
    const verification = await verify(text, name);
    counts[verification.result]++;
    if (verification.result !== "valid") others.push({ name, verification });
    if (verification.result === "refused" || verification.keyId === null) continue;
    const bundle = parseBundle(text);
    compareEntry(name, bundle);
    const { statement, start } = verification;
    if (start) pairs.addStart(name, start, bundle);
    if (!statement) continue;
    pairs.addEnd(name, statement, bundle);
    order.add(name, statement, bundle);
    const chain = chainOf(statement);
    chains.set(chain, [...(chains.get(chain) ?? []), linkOf(name, statement)]);
  }
  for (const [chain, links] of chains) findings.push(...wrongInChain(chain, links));
  findings.push(...order.findings(), ...pairs.findings());
  const refused = counts.refused > 0 || findings.some(({ status }) => status === "failed");
  const incomplete = counts.incomplete > 0 || findings.length > 0 || counts.valid === 0;
  return { result: refused ? "refused" : incomplete ? "incomplete" : "valid", counts, files: others, findings };
}

interface ChainLink {
  name: string;
  runNumber: number;
  previousProof: Digest | null;
  digest: Digest;
}

/** The runs of a workflow are counted by the engine that ran them. */
function chainOf({ predicate: { buildDefinition, runDetails } }: RunStatement): string {
  return `${buildDefinition.externalParameters.workflow} of ${runDetails.builder.id}`;
}

function linkOf(name: string, statement: RunStatement): ChainLink {
  const { runNumber, previousProof } = statement.predicate.outcome;
  return { name, runNumber, previousProof, digest: sha256(canonicalJson(statement)) };
}

function wrongInChain(chain: string, links: ChainLink[]): FolderFinding[] {
  links.sort((one, other) => one.runNumber - other.runNumber);
  return links.flatMap((link, at): FolderFinding[] => {
    const before = links[at - 1];
    if (!before) return [];
    const missing = link.runNumber - before.runNumber - 1;
    if (missing < 0) {
      return [contradiction("chain", `${link.name} and ${before.name} are both run ${link.runNumber} of ${chain}`)];
    }
    if (missing > 0) {
      const [first, last] = [before.runNumber + 1, link.runNumber - 1];
      const which = missing === 1 ? `run ${first}` : `runs ${first} to ${last}`;
      return [{ check: "gap", status: "unknown", message: `the proof of ${which} of ${chain} is not here` }];
    }
    if (link.previousProof === before.digest) return [];
    return [contradiction("chain", `${link.name} does not follow ${before.name} in ${chain}`)];
  });
}

function contradiction(check: FolderFinding["check"], message: string): FolderFinding {
  return { check, status: "failed", message };
}
