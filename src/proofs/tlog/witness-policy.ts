import { CascadeError } from "../../kernel/errors.ts";
import { type NoteKey, noteKey, noteKeyTypes, parseVkey } from "./note.ts";

export interface PolicyWitness {
  /** What groups and the quorum call it; not its key's name. */
  name: string;
  /** Of the cosignature type. */
  key: NoteKey;
  url?: string;
}

export interface PolicyGroup {
  name: string;
  /** How many members make the group: 1 to all of them. */
  threshold: number;
  /** Names of witnesses, and of groups that come before this one. */
  members: readonly string[];
}

/** Which checkpoints count: those of one of the logs that a quorum of the witnesses has cosigned. */
export interface WitnessPolicy {
  logs: readonly NoteKey[];
  witnesses: readonly PolicyWitness[];
  /** In the order of the text, so that every group comes after its members. */
  groups: readonly PolicyGroup[];
  /** Name of a witness or group, or `none`: no cosignature is needed. */
  quorum: string;
}

/** The quorum that needs no cosignature. */
const NONE = "none";
/** Words with a meaning of their own, which no witness or group may have as its name. */
const RESERVED = new Set([NONE, "all", "any"]);

/**
 * Reads a policy as of https://c2sp.org/tlog-policy: comments have lines of their own, no key is there twice, no name is a
 * member twice. A witness key may be of type Ed25519, as some are published; it is read as the cosignature key that it is.
 * Throws `POLICY_INVALID` with the line.
 */
export function parseWitnessPolicy(text: string): WitnessPolicy {
  const draft: Draft = { logs: [], witnesses: [], groups: [], quorum: undefined, names: new Set(), members: new Set() };
  for (const [index, line] of text.split("\n").entries()) {
    const problem = readLine(draft, line);
    if (problem !== undefined) throw invalid(`line ${index + 1}: ${problem}`);
  }
  const { logs, witnesses, groups, quorum } = draft;
  if (quorum === undefined) throw invalid("it has no quorum line");
  return { logs, witnesses, groups, quorum };
}

/** Whether the witnesses whose policy names are given are enough. Names that the policy does not know count for nothing. */
export function quorumReached(policy: WitnessPolicy, cosignedBy: ReadonlySet<string>): boolean {
  if (policy.quorum === NONE) return true;
  const reached = new Set(policy.witnesses.map(({ name }) => name).filter((name) => cosignedBy.has(name)));
  for (const { name, threshold, members } of policy.groups) {
    if (members.filter((member) => reached.has(member)).length >= threshold) reached.add(name);
  }
  return reached.has(policy.quorum);
}

interface Draft {
  logs: NoteKey[];
  witnesses: PolicyWitness[];
  groups: PolicyGroup[];
  quorum: string | undefined;
  /** Of witnesses and groups, which share them. */
  names: Set<string>;
  /** Names that are in a group. Each may be in one only, so that no witness counts in two ways. */
  members: Set<string>;
}

/** Takes a line into the draft, or tells what is wrong with it. */
function readLine(draft: Draft, line: string): string | undefined {
  if (/[\u0000-\u0008\u000b-\u001f\u007f]/.test(line)) return "it holds a control character";
  const [keyword, ...words] = line.split(/[ \t]+/).filter((word) => word !== "");
  if (keyword === undefined || keyword.startsWith("#")) return undefined;
  switch (keyword) {
    case "log":
      return readLog(draft, words);
    case "witness":
      return readWitness(draft, words);
    case "group":
      return readGroup(draft, words);
    case "quorum":
      return readQuorum(draft, words);
    default:
      return `${keyword} is none of log, witness, group and quorum`;
  }
}

function readLog({ logs }: Draft, [vkey, ...rest]: string[]): string | undefined {
  if (vkey === undefined || rest.length > 1) return "a log has a key and perhaps a URL";
  const key = keyOf(vkey);
  if (typeof key === "string") return key;
  if (key.type !== noteKeyTypes.ed25519) return "the key of a log is of type 1 (Ed25519)";
  if (logs.some((log) => log.publicKey.equals(key.publicKey))) return "this log's key is there already";
  logs.push(key);
  return undefined;
}

function readWitness({ witnesses, names }: Draft, [name, vkey, url, ...rest]: string[]): string | undefined {
  if (name === undefined || vkey === undefined || rest.length > 0) {
    return "a witness has a name, a key and perhaps a URL";
  }
  const taken = nameProblem(names, name);
  if (taken !== undefined) return taken;
  const written = keyOf(vkey);
  if (typeof written === "string") return written;
  const key = noteKey(written.name, noteKeyTypes.cosignature, written.publicKey);
  if (witnesses.some((witness) => witness.key.publicKey.equals(key.publicKey))) {
    return "this witness's key is there already";
  }
  names.add(name);
  witnesses.push(url === undefined ? { name, key } : { name, key, url });
  return undefined;
}

function readGroup({ groups, names, members }: Draft, [name, count, ...group]: string[]): string | undefined {
  if (name === undefined || count === undefined || group.length === 0) {
    return "a group has a name, a count (all, any or a number) and members";
  }
  const taken = nameProblem(names, name);
  if (taken !== undefined) return taken;
  for (const member of group) {
    if (!names.has(member)) return `${member} is no witness or group of the lines before`;
    if (members.has(member)) return `${member} is a member already`;
    members.add(member);
  }
  const threshold = count === "all" ? group.length : count === "any" ? 1 : Number(count);
  if (!/^(all|any|[1-9][0-9]*)$/.test(count) || threshold > group.length) {
    return `the count of a group is all, any or a number from 1 to its ${group.length} members`;
  }
  names.add(name);
  groups.push({ name, threshold, members: group });
  return undefined;
}

function readQuorum(draft: Draft, [name, ...rest]: string[]): string | undefined {
  if (name === undefined || rest.length > 0) return "a quorum is one name";
  if (draft.quorum !== undefined) return "there is a quorum already";
  if (name !== NONE && !draft.names.has(name)) return `${name} is no witness or group of the lines before`;
  draft.quorum = name;
  return undefined;
}

function nameProblem(names: ReadonlySet<string>, name: string): string | undefined {
  if (RESERVED.has(name)) return `${name} cannot be a name`;
  return names.has(name) ? `the name ${name} is there already` : undefined;
}

function keyOf(vkey: string): NoteKey | string {
  try {
    return parseVkey(vkey);
  } catch (error) {
    if (error instanceof CascadeError) return error.message;
    throw error;
  }
}

function invalid(reason: string): CascadeError {
  return new CascadeError("POLICY_INVALID", `this is not a witness policy: ${reason}`);
}
