import type { AnchorKind } from "../domain/anchor.ts";
import {
  anchorNameKind,
  commandKind,
  countKind,
  durationKind,
  textKind,
  pathKind,
  urlKind,
  type ValueKind,
} from "./config-values.ts";

interface AnchorKey {
  kind: ValueKind<unknown>;
  /** Without one, the key has to be there. */
  fallback?: unknown;
  /** Who only checks receipts needs no such key. */
  onlyToShow?: true;
}

export type AnchorKeys = Readonly<Record<string, AnchorKey>>;

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Money and room in others' logs are spent by the hour, time stamps by ten minutes. */
const everyOf: Readonly<Record<AnchorKind, number>> = {
  exec: 10 * MINUTE,
  tsa: 10 * MINUTE,
  witness: 10 * MINUTE,
  rekor: HOUR,
  evm: HOUR,
};

/** The keys of every `[[anchor]]` beside `kind`. */
export function commonAnchorKeys(kind: AnchorKind): AnchorKeys {
  return {
    name: { kind: anchorNameKind() },
    every: { kind: durationKind(SECOND, 365 * 24 * HOUR), fallback: everyOf[kind] },
    // A Rekor v2 log answers when the entry is in a signed head, which takes it up to 20 s.
    timeout: { kind: durationKind(SECOND, 10 * MINUTE), fallback: 30 * SECOND },
  };
}

/** The keys that only one kind has. */
export const anchorKeysOf: Readonly<Record<AnchorKind, AnchorKeys>> = {
  exec: { command: { kind: commandKind() } },
  tsa: { url: { kind: urlKind(), onlyToShow: true }, ca: { kind: pathKind("a file", "/etc/cascade/anchor.pem") } },
  witness: { policy: { kind: pathKind("a file", "/etc/cascade/anchor.pem") } },
  rekor: { url: { kind: urlKind(), onlyToShow: true }, log: { kind: textKind("the log's key as name+hash+base64") } },
  evm: {
    rpc: { kind: urlKind(), onlyToShow: true },
    chain_id: { kind: countKind(1, Number.MAX_SAFE_INTEGER) },
    key: { kind: pathKind("a file", "/etc/cascade/anchor.pem"), onlyToShow: true },
    confirmations: { kind: countKind(1, 10_000), fallback: 12 },
    poll: { kind: durationKind(SECOND / 10, HOUR), fallback: 15 * SECOND },
  },
};
