/** Who signs, as it is written: `exec:COMMAND`, `ssh-agent` or `ssh-agent:FINGERPRINT-OR-COMMENT`. */
export type SignerSpelling =
  | { kind: "exec"; command: string }
  /** `wanted` is null for the agent without a named key. */
  | { kind: "ssh-agent"; wanted: string | null };

/** Undefined for any other text. */
export function parseSigner(text: string): SignerSpelling | undefined {
  const [, kind, rest] = /^(exec|ssh-agent)(?::(.*))?$/s.exec(text) ?? [];
  if (kind === "ssh-agent") return { kind, wanted: rest || null };
  return kind === "exec" && rest?.trim() ? { kind, command: rest } : undefined;
}
