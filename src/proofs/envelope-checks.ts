import { verify as verifySignature } from "node:crypto";
import { parseBundle, type ProofBundle } from "../domain/bundle.ts";
import { statementPae } from "../domain/dsse.ts";
import type { SignedStatement } from "../domain/sealed-statement.ts";
import { canonicalJson } from "../kernel/canonical-json.ts";
import { isJsonObject } from "../kernel/json.ts";
import { failed, type Finding, passed, unknown } from "./finding.ts";
import type { TrustedKey } from "./trusted-key.ts";

export function openBundle(text: string): ProofBundle | Finding {
  try {
    return parseBundle(text);
  } catch (error) {
    return failed("bundle", reasonOf(error));
  }
}

export interface KeyCheck {
  /** The trusted key under which the signature is good. */
  trusted?: TrustedKey;
  findings: readonly Finding[];
}

export function checkKey({ statement, signature, keyId }: SignedStatement, keys: readonly TrustedKey[]): KeyCheck {
  if (keys.length === 0) {
    return { findings: [unknown("key", `no key to trust was given; the file names ${keyId}`)] };
  }
  const key = keys.find((candidate) => candidate.keyId === keyId);
  if (!key) {
    const given = keys.map((candidate) => candidate.keyId).join(", ");
    return { findings: [failed("key", `the file names ${keyId}, which is not trusted; trusted: ${given}`)] };
  }
  const named = passed("key", `it names the trusted key ${keyId}`);
  if (!isGood(signature, statement, key)) {
    return { findings: [named, failed("signature", `the signature is not of key ${keyId}`)] };
  }
  return { trusted: key, findings: [named, passed("signature", `signed by the trusted key ${keyId}`)] };
}

function isGood(signature: string, statement: string, { publicKey }: TrustedKey): boolean {
  const key = { key: publicKey, dsaEncoding: "der" as const };
  // Ed25519 takes the bytes themselves.
  const digest = publicKey.asymmetricKeyType === "ed25519" ? null : "sha256";
  return verifySignature(digest, statementPae(statement), key, Buffer.from(signature, "base64"));
}

/** The statement as JSON, when its text is the RFC 8785 form of it. */
export function openStatement(text: string): { value: Record<string, unknown> } | Finding {
  try {
    const value: unknown = JSON.parse(text);
    // Also refuses repeated keys and padding: what was signed is then exactly what is read.
    if (canonicalJson(value) !== text) return failed("statement", "the statement is not in RFC 8785 bytes");
    return isJsonObject(value) ? { value } : failed("statement", "the statement is not an object");
  } catch (error) {
    return failed("statement", `the statement cannot be read: ${reasonOf(error)}`);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
