/** Bytes in standard base64 with padding; undefined for any other spelling, so that a text has one form only. */
export function parseBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}

/** A SHA-256 in base64; undefined for anything else. */
export function parseHash(text: string): Buffer | undefined {
  const bytes = parseBase64(text);
  return bytes?.length === 32 ? bytes : undefined;
}

/** Why the text is not the decimal number, without leading zeroes, of a size or index that can be counted here. */
export function countProblem(text: string): string | undefined {
  if (!/^(0|[1-9][0-9]*)$/.test(text)) return "is not a decimal number without leading zeroes";
  return Number.isSafeInteger(Number(text)) ? undefined : "is over 2^53 - 1, the largest that is supported";
}
