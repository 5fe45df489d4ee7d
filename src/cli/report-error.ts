import type { CascadeError, Problem } from "../kernel/errors.ts";
import { visibleLine, visibleText } from "../kernel/visible-text.ts";
import { jsonText } from "./format.ts";

/** An error as it is written to stderr: for people, or as one line of JSON. */
export function errorText(error: CascadeError, asJson: boolean): string {
  const { code, message, hint, problems, details } = error;
  if (asJson) return `${jsonText({ code, message, hint, problems, details })}\n`;
  const lines = [`error ${code}: ${indented(message)}`];
  // Of one problem the message says all there is.
  if (problems.length > 1 || !isToldBy(message, problems[0])) lines.push(...problemLines(problems));
  if (lines.length === 1 || problems.length !== 1 || problems[0]!.hint !== hint) lines.push(`hint: ${indented(hint)}`);
  return `${lines.join("\n")}\n`;
}

function isToldBy(message: string, only: Problem | undefined): boolean {
  return only === undefined || (message.includes(only.place) && message.includes(only.message));
}

/** One line per problem, with its place, and one with what to do about it. */
export function problemLines(problems: readonly Problem[]): string[] {
  return problems.flatMap(({ code, place, message, hint }) => [
    `  ${visibleLine(place)}: ${code}: ${indented(message)}`,
    `      ${indented(hint)}`,
  ]);
}

/** A text of several lines, none of which looks like one of ours. */
function indented(text: string): string {
  return visibleText(text).replaceAll("\n", "\n      ");
}
