/** C0 without newline and tab, DEL, C1; what turns the direction of text; line ends that are not `\n`. */
const HIDDEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/**
 * Text from outside with its control characters written out (`\x1b`, `\u202e`), so that they move no cursor, colour nothing and
 * hide nothing. Newlines and tabs stay.
 */
export function visibleText(text: string): string {
  return text.replace(HIDDEN, escaped);
}

/** The same on one line, for cells and parts of a sentence. */
export function visibleLine(text: string): string {
  return visibleText(text).replace(/[\n\t]/g, (character) => (character === "\n" ? "\\n" : "\\t"));
}

function escaped(character: string): string {
  const code = character.charCodeAt(0);
  if (character === "\r") return "\\r";
  return code < 256 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
}
