/** From here on not every whole number is a number of JavaScript. */
const WHOLE_MAX = 2 ** 53;

/**
 * Whether JavaScript keeps a JSON number: it would write back the same whole number. Of fractions below 2^53 the nearest
 * double counts as the same, as long as it is neither zero nor infinite.
 */
export function writesBackEqual(text: string): boolean {
  const value = Number(text);
  if (!Number.isFinite(value)) return false;
  if (value === 0) return !/[1-9]/.test(text.replace(/[eE].*$/s, ""));
  if (Math.abs(value) < WHOLE_MAX) return true;
  return normalForm(text) === normalForm(String(value));
}

/** Digits without zeros at either end, and the power of ten they are multiplied by. */
function normalForm(text: string): string {
  const [, whole = "", fraction = "", exponent = "0"] = /^-?(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  const kept = digits.replace(/0+$/, "");
  return `${kept}e${Number(exponent) - fraction.length + digits.length - kept.length}`;
}
