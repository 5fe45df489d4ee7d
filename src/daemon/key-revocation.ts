import { type Digest, isDigest } from "../kernel/digest.ts";
import { CascadeError } from "../kernel/errors.ts";
import { replaceFile } from "./replace-file.ts";
import { loadTrust, type TrustFileOptions } from "./trust-file.ts";
import { readText } from "./signers.ts";

/**
 * Adds a key to `[revoked] keys` of a trust policy and leaves the rest of its text as it is. `named` is a key id, the name of a
 * key in the policy, or else one of `others`. Says whether it was not revoked before. Throws what `loadTrust` throws, or
 * `KEY_UNKNOWN`.
 */
export function revokeKey(
  named: string,
  file: Omit<TrustFileOptions, "required">,
  others: ReadonlyMap<string, Digest>,
): { keyId: Digest; added: boolean } {
  const options = { ...file, required: true };
  const { path } = file;
  const policy = loadTrust(options)!;
  const byName = [...policy.keys.values()].find(({ name }) => name === named)?.keyId;
  const keyId = byName ?? others.get(named) ?? (isDigest(named) ? named : undefined);
  if (keyId === undefined) {
    throw new CascadeError("KEY_UNKNOWN", `"${named}" is neither a key of ${path} nor a key id`, {
      hint: "Name a key of trust.toml, a public key's file, or the 64 hex digits that `cascade key list` shows.",
    });
  }
  if (policy.revoked.keys.has(keyId)) return { keyId, added: false };
  const before = readText(path);
  replaceFile(path, withRevokedKey(before, keyId));
  if (loadTrust(options)!.revoked.keys.has(keyId)) return { keyId, added: true };
  replaceFile(path, before);
  throw new CascadeError("TRUST_INVALID", `${path} has [revoked] in a form that this command cannot change`, {
    hint: `Add "${keyId}" to the list \`keys\` of [revoked] by hand.`,
  });
}

/** The text with the key at the beginning of the list, which is made if there is none. */
export function withRevokedKey(text: string, keyId: Digest): string {
  const lines = text.split("\n");
  const table = lines.findIndex((line) => /^\s*\[\s*revoked\s*\]/.test(line));
  if (table < 0) return `${text}${text === "" || text.endsWith("\n") ? "" : "\n"}\n[revoked]\nkeys = ["${keyId}"]\n`;
  const length = lines.slice(table + 1).findIndex((line) => /^\s*\[/.test(line));
  const end = length < 0 ? lines.length : table + 1 + length;
  const list = lines.findIndex((line, index) => index > table && index < end && /^\s*keys\s*=\s*\[/.test(line));
  if (list < 0) return lines.toSpliced(table + 1, 0, `keys = ["${keyId}"]`).join("\n");
  const isEmpty = /^\s*keys\s*=\s*\[\s*\]/.test(lines[list]!);
  return lines.with(list, lines[list]!.replace("[", `["${keyId}"${isEmpty ? "" : ", "}`)).join("\n");
}
