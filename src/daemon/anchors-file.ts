import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { readKey } from "../adapters/anchors/evm-wallet.ts";
import { type AnchorKind, anchorKinds } from "../domain/anchor.ts";
import { CascadeError, type Problem, problem, systemErrorCode, toCascadeError } from "../kernel/errors.ts";
import { isJsonObject } from "../kernel/json.ts";
import { nearestName } from "../kernel/nearest.ts";
import { parseVkey } from "../proofs/tlog/note.ts";
import { parseWitnessPolicy } from "../proofs/tlog/witness-policy.ts";
import { type AnchorKeys, anchorKeysOf, commonAnchorKeys } from "./anchor-keys.ts";
import type { PathBase } from "./config-values.ts";
import { readToml } from "./toml-file.ts";

interface CommonPlan {
  name: string;
  everyMs: number;
  timeoutMs: number;
}

/** An anchor as it is configured. Where it may be missing, it is needed to show heads and not to check receipts. */
export type AnchorPlan = CommonPlan &
  (
    | { kind: "exec"; command: readonly string[] }
    | { kind: "tsa"; url?: string; certificates: readonly X509Certificate[] }
    | { kind: "witness"; policy: ReturnType<typeof parseWitnessPolicy> }
    | { kind: "rekor"; url?: string; log: ReturnType<typeof parseVkey> }
    | { kind: "evm"; rpc?: string; chainId: number; keyFile?: string; confirmations: number; pollMs: number }
  );

export interface AnchorsFile {
  path: string;
  /** Base of `~/` in it. */
  home: string;
  /** `check` needs no more than what receipts are held against. */
  purpose: "show" | "check";
}

/** Reads a file of `[[anchor]]` tables, see docs/anchors.md. Throws `CONFIG_UNREADABLE`, or `CONFIG_INVALID` with every problem. */
export function readAnchorsFile({ path, home, purpose }: AnchorsFile): readonly AnchorPlan[] {
  const toml = readToml(readText(path));
  if ("wrong" in toml) {
    throw invalid([problem("CONFIG_INVALID", `${path}:${toml.line}`, toml.wrong, "Correct the TOML at this place.")]);
  }
  const problems: Problem[] = [];
  const say = (place: string, message: string, hint: string) =>
    problems.push(problem("CONFIG_INVALID", `${path}: ${place}`, message, hint));
  for (const name of Object.keys(toml.table)) {
    if (name !== "anchor") say(name, "it is no table of this file", "Write each anchor as a table [[anchor]].");
  }
  const tables = toml.table["anchor"] ?? [];
  const list: readonly unknown[] = Array.isArray(tables) ? tables : [tables];
  const base = { folder: dirname(path), home };
  const plans = list.flatMap((table, at) => readPlan(isJsonObject(table) ? table : {}, at, { base, purpose, say }));
  for (const [at, { name }] of plans.entries()) {
    if (plans.findIndex((plan) => plan.name === name) < at)
      say(`anchor ${name}`, "there are two of this name", "Rename one.");
  }
  if (problems.length > 0) throw invalid(problems);
  return plans;
}

interface Reader {
  base: PathBase;
  purpose: AnchorsFile["purpose"];
  say(place: string, message: string, hint: string): void;
}

function readPlan(table: Record<string, unknown>, at: number, reader: Reader): AnchorPlan[] {
  const place = typeof table["name"] === "string" ? `anchor ${table["name"]}` : `anchor ${at + 1}`;
  const kind = anchorKinds.find((known) => known === table["kind"]);
  if (!kind) {
    reader.say(place, `its kind is not one of ${anchorKinds.join(", ")}`, 'Write for example kind = "tsa".');
    return [];
  }
  const values = readValues(table, { ...commonAnchorKeys(kind), ...anchorKeysOf[kind] }, place, reader);
  if (!values) return [];
  try {
    return [planOf(kind, values, reader.purpose)];
  } catch (error) {
    const { message, hint } = toCascadeError(error);
    reader.say(place, message, hint);
    return [];
  }
}

/** The value of every key, by its name; undefined after a problem. */
function readValues(table: Record<string, unknown>, keys: AnchorKeys, place: string, { base, purpose, say }: Reader) {
  const values: Record<string, unknown> = {};
  let isWhole = true;
  const wrong = (name: string, message: string, hint: string) => {
    isWhole = false;
    say(`${place}: ${name}`, message, hint);
  };
  for (const name of Object.keys(table)) {
    if (name === "kind" || Object.hasOwn(keys, name)) continue;
    const nearest = nearestName(name, Object.keys(keys));
    wrong(name, "there is no such key", nearest ? `Did you mean ${nearest}?` : "Remove it; docs/anchors.md lists all.");
  }
  for (const [name, { kind, fallback, onlyToShow }] of Object.entries(keys)) {
    const written = table[name];
    if (written === undefined) {
      values[name] = fallback;
      if (fallback === undefined && !(onlyToShow && purpose === "check"))
        wrong(name, "it is missing", `Write ${kind.describes}.`);
      continue;
    }
    const reading = kind.read(written, base);
    if ("value" in reading) values[name] = reading.value;
    else wrong(name, reading.wrong, reading.hint);
  }
  return isWhole ? values : undefined;
}

/** `values` were read by the keys of that kind, so each is of its key's type. */
function planOf(kind: AnchorKind, values: Record<string, unknown>, purpose: AnchorsFile["purpose"]): AnchorPlan {
  const text = (name: string) => values[name] as string;
  const number = (name: string) => values[name] as number;
  const optional = <Name extends string>(name: Name, from: string) =>
    (values[from] === undefined ? {} : { [name]: values[from] }) as { [Key in Name]?: string };
  const common = { name: text("name"), everyMs: number("every"), timeoutMs: number("timeout") };
  switch (kind) {
    case "exec":
      return { ...common, kind, command: values["command"] as readonly string[] };
    case "tsa":
      return {
        ...common,
        kind,
        ...optional("url", "url"),
        certificates: certificatesIn(readText(text("ca")), text("ca")),
      };
    case "witness":
      return { ...common, kind, policy: parseWitnessPolicy(readText(text("policy"))) };
    case "rekor":
      return { ...common, kind, ...optional("url", "url"), log: parseVkey(text("log")) };
    case "evm": {
      // Now, not when money is to be spent: whether it is there, and closed to others.
      if (purpose === "show") readKey(text("key"));
      const limits = { confirmations: number("confirmations"), pollMs: number("poll") };
      return {
        ...common,
        kind,
        ...optional("rpc", "rpc"),
        chainId: number("chain_id"),
        ...optional("keyFile", "key"),
        ...limits,
      };
    }
  }
}

function certificatesIn(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  try {
    if (blocks.length > 0) return blocks.map((block) => new X509Certificate(block));
  } catch {
    // A block that is no certificate is as good as none.
  }
  throw new CascadeError("CONFIG_INVALID", `${path} holds no certificate in PEM`, {
    hint: "Name the PEM file of the authority's root certificate.",
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    const reason = systemErrorCode(error) ?? String(error);
    throw new CascadeError("CONFIG_UNREADABLE", `cannot read ${path} (${reason})`, {
      cause: error,
      hint: "Make the file readable for the daemon's user, or name another one.",
    });
  }
}

function invalid(problems: readonly Problem[]): CascadeError {
  const first = problems[0]!;
  return new CascadeError("CONFIG_INVALID", `${first.place}: ${first.message}`, { problems, hint: first.hint });
}
