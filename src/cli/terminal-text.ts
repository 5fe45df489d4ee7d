import { randomUUID } from "node:crypto";
import { visibleText } from "../kernel/visible-text.ts";
import type { Io } from "./io.ts";

/**
 * What a control sequence of this program begins with in place of ESC. Nobody else can know it, so whatever ESC is in a text
 * came from outside: from the name of a file, the message of a task, a daemon that answers.
 */
const OWN_ESCAPE = `\u001b${randomUUID()}`;

/** A control sequence, such as `[2K`, that reaches the terminal as one. */
export function controlSequence(sequence: string): string {
  return `${OWN_ESCAPE}${sequence}`;
}

/** Coloured text whose colours reach the terminal. `colour` puts sequences before and after. */
export function coloured(colour: (text: string) => string, text: string): string {
  return colour("\u0000")
    .split("\u0000")
    .map((sequences) => sequences.replaceAll("\u001b", OWN_ESCAPE))
    .join(text);
}

/** The same, but nothing that it writes for people holds a control character that did not come from this program. */
export function guardedIo(io: Io): Io {
  const shown = (text: string) => text.split(OWN_ESCAPE).map(visibleText).join("\u001b");
  return {
    ...io,
    out: (text) => io.out(shown(text)),
    exact: (text) => io.exact(io.outIsTerminal ? shown(text) : text.replaceAll(OWN_ESCAPE, "\u001b")),
    err: (text) => io.err(shown(text)),
  };
}
