import { dirname } from "node:path";
import { inspect } from "node:util";
import { shorten } from "./channel.ts";
import type { SourceLines } from "./source-lines.ts";

const MESSAGE_MAX = 4_000;
const STACK_MAX = 16_000;
/** Causes of causes; errors can name each other in a circle. */
const CAUSES_MAX = 5;

export interface FailureText {
  message: string;
  /** Empty for what has none. */
  stack: string;
}

/** What is reported of anything that was thrown, at the author's lines. Never throws, whatever the value does. */
export function failureText(thrown: unknown, sourceLines: SourceLines): FailureText {
  try {
    if (!(thrown instanceof Error)) {
      return { message: shorten(typeof thrown === "string" ? thrown : inspect(thrown), MESSAGE_MAX), stack: "" };
    }
    const name = thrown.name === "Error" || thrown.name === "" ? "" : `${thrown.name}: `;
    return {
      message: shorten(sourceLines(`${name}${thrown.message}`), MESSAGE_MAX),
      stack: shorten(sourceLines(stackText(thrown)), STACK_MAX),
    };
  } catch {
    return { message: "it threw something that cannot be shown", stack: "" };
  }
}

/** The stack with those of its causes. */
export function stackText(error: Error): string {
  let text = ownFrames(error);
  let cause = error.cause;
  for (let depth = 0; depth < CAUSES_MAX && cause !== undefined; depth++) {
    text += `\ncaused by: ${cause instanceof Error ? ownFrames(cause) : inspect(cause)}`;
    cause = cause instanceof Error ? cause.cause : undefined;
  }
  return text;
}

/** The folder of the task host's own code, whose frames say nothing to an author. */
const HOST_CODE = dirname(process.argv[1] ?? "/");

function ownFrames(error: Error): string {
  const lines = String(error.stack ?? error).split("\n");
  while (lines.length > 1 && isForeignFrame(lines.at(-1) ?? "")) lines.pop();
  return lines.join("\n");
}

function isForeignFrame(line: string): boolean {
  return line.includes(HOST_CODE) || /\(node:|at node:/.test(line);
}
