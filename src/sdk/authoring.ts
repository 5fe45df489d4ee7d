/**
 * While a package is packed, a function under this symbol of `globalThis` is told of each part as it is written down, so
 * that a mistake can be shown with the author's file and line. Elsewhere there is none.
 */
const AUTHORED = Symbol.for("cascade.authored.v1");

export function noteAuthored(part: object): void {
  (globalThis as { [AUTHORED]?: (part: object) => void })[AUTHORED]?.(part);
}
