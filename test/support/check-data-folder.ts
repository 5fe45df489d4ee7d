import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { openTlogReader } from "../../src/daemon/tlog-reading.ts";
import { openVerifier } from "../../src/daemon/verifying.ts";
import { parseOutsideLog } from "./load-packages.ts";
import { processesOf } from "./processes-of.ts";
import { sqliteProgram } from "./sqlite-program.ts";

export interface WhatHappened {
  data: string;
  /** What the tasks wrote outside. */
  outsideLog: string;
  /** The runs that the daemon said it has taken. */
  acknowledged: readonly string[];
}

interface AttemptRow {
  run: string;
  task: string;
  number: number;
  outcome: string | null;
}
interface ProofRow {
  run_id: string;
  workflow: string;
  run_number: number;
  previous_proof: string | null;
  digest: string;
}

/**
 * What is wrong with a data folder whose daemon has ended cleanly and left nothing unfinished, by everything a stranger can
 * see: the outside file, the database through the `sqlite3` program, the proofs, `/proc`. Empty when every promise was kept.
 */
export async function wrongWith(happened: WhatHappened): Promise<string[]> {
  return [
    ...wrongDatabase(happened),
    ...wrongAttempts(happened),
    ...(await wrongProofs(happened)),
    ...leftovers(happened),
  ];
}

function rows<Row>({ data }: WhatHappened, sql: string): Row[] {
  return sqliteProgram<Row>(join(data, "cascade.db"), sql);
}

function wrongDatabase(happened: WhatHappened): string[] {
  const wrong: string[] = [];
  const [integrity] = rows<{ integrity_check: string }>(happened, "PRAGMA integrity_check");
  if (integrity?.integrity_check !== "ok") wrong.push(`integrity check: ${JSON.stringify(integrity)}`);
  for (const row of rows(happened, "PRAGMA foreign_key_check")) wrong.push(`foreign key: ${JSON.stringify(row)}`);
  for (const { id, state } of rows<{ id: string; state: string }>(
    happened,
    "SELECT id, state FROM runs WHERE ended_at IS NULL",
  )) {
    wrong.push(`run ${id} never ended: ${state}`);
  }
  for (const row of rows(
    happened,
    "SELECT run_id, name, state FROM task_runs WHERE state NOT IN ('succeeded', 'failed', 'skipped', 'cancelled')",
  )) {
    wrong.push(`a task run never ended: ${JSON.stringify(row)}`);
  }
  // Deleted by retention, a run still has its proof.
  const known = new Set(
    rows<{ id: string }>(happened, "SELECT id FROM runs UNION SELECT run_id FROM proofs").map(({ id }) => id),
  );
  for (const id of happened.acknowledged) if (!known.has(id)) wrong.push(`run ${id} was acknowledged and is lost`);
  for (const { run_id } of rows<{ run_id: string }>(happened, "SELECT run_id FROM firings WHERE run_id IS NOT NULL")) {
    if (!known.has(run_id)) wrong.push(`run ${run_id} of a firing is lost`);
  }
  const [last] = rows<{ ended_at: number | null }>(
    happened,
    "SELECT ended_at FROM lives ORDER BY started_at DESC LIMIT 1",
  );
  if (!last?.ended_at) wrong.push("the last life has no end");
  return wrong;
}

function wrongAttempts(happened: WhatHappened): string[] {
  const wrong: string[] = [];
  const attempts = rows<AttemptRow>(happened, "SELECT run_id AS run, task, number, outcome FROM attempts");
  const kept = new Set(rows<{ id: string }>(happened, "SELECT id FROM runs").map(({ id }) => id));
  const byKey = new Map(attempts.map((attempt) => [keyOf(attempt.run, attempt.task, attempt.number), attempt]));
  const successes = new Map<string, number>();
  for (const { run, task, number, outcome } of attempts) {
    if (outcome === null) wrong.push(`attempt ${run} ${task} ${number} has no end`);
    if (outcome !== "succeeded") continue;
    const name = `${run} ${task}`;
    if (successes.has(name)) wrong.push(`${name} succeeded twice`);
    successes.set(name, number);
  }
  for (const { run, task, number } of attempts) {
    if (number > (successes.get(`${run} ${task}`) ?? Infinity))
      wrong.push(`${run} ${task} was tried after its success`);
  }
  for (const { run_id, name } of rows<{ run_id: string; name: string }>(
    happened,
    "SELECT run_id, name FROM task_runs WHERE state = 'succeeded'",
  )) {
    if (!successes.has(`${run_id} ${name}`)) wrong.push(`${run_id} ${name} succeeded without an attempt that did`);
  }

  const begun = new Set<string>();
  const done = new Set<string>();
  for (const line of parseOutsideLog(happened.outsideLog)) {
    const key = keyOf(line.run, line.task, line.attempt);
    if (line.done) {
      done.add(key);
      continue;
    }
    if (begun.has(key)) wrong.push(`attempt ${key} was executed twice`);
    begun.add(key);
    if (kept.has(line.run) && !byKey.has(key)) wrong.push(`attempt ${key} was executed and is not recorded`);
  }
  const observed = new Set(parseOutsideLog(happened.outsideLog).map(({ run }) => run));
  for (const [key, { run, outcome }] of byKey) {
    if (outcome === "succeeded" && observed.has(run) && !done.has(key)) wrong.push(`${key} succeeded without its work`);
  }
  return wrong;
}

async function wrongProofs(happened: WhatHappened): Promise<string[]> {
  const { data } = happened;
  const wrong: string[] = [];
  const proofs = rows<ProofRow>(happened, "SELECT * FROM proofs ORDER BY workflow, run_number");
  const proven = new Set(proofs.map(({ run_id }) => run_id));
  for (const { id } of rows<{ id: string }>(happened, "SELECT id FROM runs")) {
    if (!proven.has(id)) wrong.push(`run ${id} has no proof`);
  }
  const before = new Map<string, ProofRow>();
  for (const proof of proofs) {
    const last = before.get(proof.workflow);
    const name = `proof ${proof.run_number} of ${proof.workflow}`;
    if (proof.run_number !== (last?.run_number ?? 0) + 1) wrong.push(`${name} leaves a gap`);
    if (proof.previous_proof !== (last?.digest ?? null)) wrong.push(`${name} does not follow the one before it`);
    before.set(proof.workflow, proof);
  }
  const files = new Map(
    readdirSync(join(data, "proofs"), { recursive: true, encoding: "utf8" })
      .filter((path) => path.endsWith(".json") && !/^attestations\/|\.start\./.test(path))
      .map((path) => [path.slice(path.lastIndexOf("/") + 1, -".sigstore.json".length), path]),
  );
  for (const { run_id } of proofs) if (!files.has(run_id)) wrong.push(`the proof of ${run_id} has no file`);
  if (files.size !== proofs.length) wrong.push(`${files.size} proof files for ${proofs.length} proofs`);
  return [...wrong, ...wrongStarts(happened), ...(await wrongFiles(data)), ...(await wrongLog(happened))];
}

/** That each start belongs to one end, and no end names one that is not there, is for the check of the files to say. */
function wrongStarts(happened: WhatHappened): string[] {
  return rows<{ run_id: string; start: string | null }>(
    happened,
    `SELECT run_id, json_extract(statement, '$.predicate.start') AS start FROM proofs
      JOIN statements ON statements.id = proofs.statement_id
      WHERE (workflow IN ('load/chain', 'load/tick')) <> (start IS NOT NULL)`,
  ).map(({ run_id, start }) => `the proof of ${run_id} names ${start ?? "no start"}`);
}

/** As a stranger would check them: by the files and keys alone, one by one and against each other. */
async function wrongFiles(data: string): Promise<string[]> {
  const read = (name: string) => readFileSync(join(data, "keys", name), "utf8");
  const verifier = openVerifier({
    keyPem: read("proof.pub.pem"),
    trustedRoot: read("trusted_root.json"),
    anchors: null,
    dataRoot: null,
  });
  const { result, files, findings } = await verifier.verifyFolder(join(data, "proofs"), () => undefined);
  await verifier.close();
  if (result === "valid") return [];
  return [
    `the proof files are ${result}`,
    ...findings.map(({ message }) => message),
    ...files.map(({ name, verification }) => `${name} is ${verification.result}: ${JSON.stringify(verification)}`),
  ];
}

/** The whole log made again from its entries; and nothing that should be in it is left out. */
async function wrongLog(happened: WhatHappened): Promise<string[]> {
  const [order] = rows<{ count: number; last: number; through: number; unwritten: number; size: number }>(
    happened,
    `SELECT (SELECT count(*) FROM statements) AS count, (SELECT max(id) FROM statements) AS last,
      (SELECT through FROM written_files) AS through, (SELECT count(*) FROM unwritten_files) AS unwritten,
      (SELECT max(size) FROM tlog_heads) AS size`,
  );
  const wrong: string[] = [];
  if (!order || order.count !== order.last) wrong.push(`statements leave gaps: ${JSON.stringify(order)}`);
  else if (order.through !== order.last || order.unwritten > 0) wrong.push(`files are due: ${JSON.stringify(order)}`);
  else if (order.size !== order.last) wrong.push(`statements are not in a signed head: ${JSON.stringify(order)}`);
  const reader = await openTlogReader(happened.data);
  const findings = await reader.fsck(() => undefined);
  await reader.close();
  const bad = findings.filter(({ status }) => status !== "passed");
  return [...wrong, ...bad.map(({ check, message }) => `fsck: ${check}: ${message}`)];
}

function leftovers(happened: WhatHappened): string[] {
  const { data } = happened;
  const wrong = processesOf(data).map(({ command }) => `still running: ${command}`);
  const packages = new Set(
    rows<{ digest: string }>(happened, "SELECT digest FROM packages").map(({ digest }) => digest),
  );
  for (const name of readdirSync(join(data, "store"))) {
    if (!packages.has(name)) wrong.push(`left in the store: ${name}`);
  }
  for (const path of readdirSync(data, { recursive: true, encoding: "utf8" })) {
    if (path.endsWith(".tmp") || path.startsWith("artifacts/.")) wrong.push(`left behind: ${path}`);
  }
  for (const { digest } of rows<{ digest: string }>(
    happened,
    "SELECT DISTINCT output_digest AS digest FROM task_runs WHERE output_digest IS NOT NULL",
  )) {
    if (!existsSync(join(data, "artifacts", digest))) wrong.push(`the output ${digest} has no file`);
  }
  for (const name of ["daemon.json", "cascade.sock"]) if (existsSync(join(data, name))) wrong.push(`left: ${name}`);
  return wrong;
}

function keyOf(run: string, task: string, attempt: number): string {
  return `${run} ${task} ${attempt}`;
}
