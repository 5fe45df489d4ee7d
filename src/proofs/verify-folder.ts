import type { RunStatement } from "../domain/statement.ts";
import { type Digest, sha256 } from "../kernel/digest.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { isoTime } from "../kernel/clock.ts";
import { parseBundle } from "../domain/bundle.ts";
import { CLOCK_SKEW_MS } from "./clock-skew.ts";
import type { Finding } from "./finding.ts";
import type { Verification, VerificationResult } from "./verification.ts";

/** One file of a folder and what came of it. */
export interface VerifiedFile {
  name: string;
  verification: Verification;
}

/** What is wrong among the files of a folder, each of which may be good by itself. */
export interface FolderFinding extends Omit<Finding, "check"> {
  /**
   * `gap`: a run between others has no proof here. `chain`, `leaf`, `head`: two files contradict each other. `time`: a run says
   * that it finished long before others that were logged before it.
   */
  check: "gap" | "chain" | "leaf" | "head" | "time";
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
 * Holds proof files against each other: the runs of a workflow follow one another, no leaf is of two statements, no log has two
 * heads of one size, and time does not go back along it. `verify` says what each file is worth by itself; only what is valid speaks about the others.
 */
export async function verifyFolder(
  files: AsyncIterable<{ name: string; text: string }>,
  verify: (bundle: string) => Promise<Verification>,
): Promise<FolderVerification> {
  const counts = { valid: 0, refused: 0, incomplete: 0 };
  const others: VerifiedFile[] = [];
  const chains = new Map<string, ChainLink[]>();
  const leaves = new Map<string, string>();
  const heads = new Map<string, { root: string; name: string }>();
  const places = new Map<string, PlaceInTime[]>();
  const findings: FolderFinding[] = [];

  function compareEntry(name: string, bundle: string, statement: RunStatement | null): void {
    const { entry } = parseBundle(bundle);
    if (!entry) return;
    if (statement) {
      const finishedAt = Date.parse(statement.predicate.runDetails.metadata.finishedOn);
      places.set(entry.logId, [...(places.get(entry.logId) ?? []), { name, index: entry.index, finishedAt }]);
    }
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
    const verification = await verify(text);
    counts[verification.result]++;
    if (verification.result !== "valid") others.push({ name, verification });
    if (verification.result === "refused" || verification.keyId === null) continue;
    const { statement } = verification;
    compareEntry(name, text, statement);
    if (!statement) continue;
    const chain = chainOf(statement);
    chains.set(chain, [...(chains.get(chain) ?? []), linkOf(name, statement)]);
  }
  for (const [chain, links] of chains) findings.push(...wrongInChain(chain, links));
  for (const ofLog of places.values()) findings.push(...stepsBack(ofLog));
  const refused = counts.refused > 0 || findings.some(({ status }) => status === "failed");
  const incomplete = counts.incomplete > 0 || findings.length > 0 || counts.valid === 0;
  return { result: refused ? "refused" : incomplete ? "incomplete" : "valid", counts, files: others, findings };
}

interface PlaceInTime {
  name: string;
  index: number;
  finishedAt: number;
}

/**
 * Where time goes back along a log: leaves are in the order in which runs ended. Either the clock was set back, or a run was
 * dated back; from here on time counts anew, so that each step is told once.
 */
function stepsBack(places: PlaceInTime[]): FolderFinding[] {
  places.sort((one, other) => one.index - other.index);
  let latest = places[0]!;
  return places.flatMap((place): FolderFinding[] => {
    const before = latest;
    const isBack = place.finishedAt < before.finishedAt - CLOCK_SKEW_MS;
    if (isBack || place.finishedAt > before.finishedAt) latest = place;
    if (!isBack) return [];
    const when = `${isoTime(place.finishedAt)}, but it was logged after ${before.name}, of ${isoTime(before.finishedAt)}`;
    const message = `${place.name} says that its run finished at ${when}: the clock was set back, or the run dated back`;
    return [{ check: "time", status: "unknown", message }];
  });
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
