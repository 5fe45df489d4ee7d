/** Where log lines go beside the file: JSON to the journal, readable text to a terminal, JSON to whoever else reads stderr. */
export const consoleKinds = ["journal", "terminal", "pipe"] as const;
export type ConsoleKind = (typeof consoleKinds)[number];

/**
 * systemd sets `JOURNAL_STREAM` to device and inode of the stream it connected. Terminals that the user manager started pass
 * the variable on to their shells, so only a standard output that still is that stream counts.
 */
export function consoleKindOf(facts: {
  journalStream: string | undefined;
  stdout: { dev: number | bigint; ino: number | bigint };
  stderrIsTerminal: boolean;
}): ConsoleKind {
  if (facts.journalStream === `${facts.stdout.dev}:${facts.stdout.ino}`) return "journal";
  return facts.stderrIsTerminal ? "terminal" : "pipe";
}
