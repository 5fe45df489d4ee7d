import type { Json } from "../kernel/json.ts";

/** Who can be made to have seen a head of the log. docs/anchors.md tells what each of them proves. */
export const anchorKinds = ["exec", "tsa", "witness", "rekor", "evm"] as const;
export type AnchorKind = (typeof anchorKinds)[number];

/** How the file of a receipt ends, by the kind of its anchor: a kind is known by the name of the file alone. */
export const receiptEndings = {
  exec: ".out",
  tsa: ".tsr",
  witness: ".note",
  rekor: ".sigstore.json",
  evm: ".json",
} as const satisfies Record<AnchorKind, string>;

/**
 * pending   it is being worked on: its `progress` says how far it is.
 * failed    the last try failed; there is another one at `nextAt`.
 * anchored  someone else has seen the head, and the receipt says so.
 */
export const anchorStates = ["pending", "failed", "anchored"] as const;
export type AnchorState = (typeof anchorStates)[number];

/** How far one anchor has come with one head of one log. */
export interface AnchorRecord {
  origin: string;
  /** Of the configuration. */
  name: string;
  kind: AnchorKind;
  /** How many leaves the head covers. */
  size: number;
  state: AnchorState;
  /** Tries that failed since the last success. */
  attempts: number;
  /** When the state was reached. */
  at: number;
  /** When it is looked at again; null once anchored. */
  nextAt: number | null;
  /** What the kind has to remember between two looks, such as the transaction that was sent. */
  progress: Json;
  /** The file of the receipt below `tlog-anchors/`; null until anchored. */
  receipt: string | null;
  /** Why the last try failed. */
  error: string | null;
}

/** Where the receipts of a head are kept below `tlog-anchors/`. */
export function receiptFolder(origin: string, size: number): string {
  return `${origin}/${size}`;
}

export function receiptFile({ origin, size, name, kind }: Pick<AnchorRecord, "origin" | "size" | "name" | "kind">) {
  return `${receiptFolder(origin, size)}/${name}${receiptEndings[kind]}`;
}

/** The kind and name of an anchor by the file of its receipt; undefined for other files. */
export function receiptNamed(file: string): { name: string; kind: AnchorKind } | undefined {
  // The endings overlap: the longest that fits counts.
  const kinds = anchorKinds.toSorted((one, other) => receiptEndings[other].length - receiptEndings[one].length);
  const kind = kinds.find((each) => file.endsWith(receiptEndings[each]));
  return kind && { name: file.slice(0, -receiptEndings[kind].length), kind };
}
