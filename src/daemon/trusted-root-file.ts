import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Tlog } from "../domain/tlog.ts";
import { writeFileAtomic } from "../kernel/atomic-file.ts";
import { parseVkey } from "../proofs/tlog/note.ts";
import { trustedRootText } from "../proofs/trusted-root.ts";

const NAME = "trusted_root.json";

/** Puts the keys of all logs of a data folder beside the others, for whoever verifies with another program. */
export function writeTrustedRoot(keysFolder: string, logs: readonly Tlog[]): void {
  const text = trustedRootText(logs.map(({ vkey }) => parseVkey(vkey)));
  if (readTrustedRoot(keysFolder) !== text) writeFileAtomic(join(keysFolder, NAME), text, { mode: 0o644 });
}

/** Undefined when there is none. */
export function readTrustedRoot(keysFolder: string): string | undefined {
  try {
    return readFileSync(join(keysFolder, NAME), "utf8");
  } catch {
    return undefined;
  }
}
