import type { ErrorCode } from "../../kernel/error-catalogue.ts";
import type { Problem } from "../../kernel/errors.ts";
import type { SchemaMistake } from "../../ports/checks.ts";

/** What is asked of the check thread. Texts are JSON: they cost less to hand over than values. */
export type CheckRequest =
  | { kind: "manifest"; bytes: Uint8Array }
  | { kind: "definitions"; manifest: string }
  | { kind: "commands"; fileName: string; bytes: Uint8Array }
  | { kind: "params"; schema: string; texts: readonly string[] };

export interface ErrorFacts {
  code: ErrorCode;
  message: string;
  hint: string;
  problems: readonly Problem[];
}

/** Null: nothing is wrong. */
export type CheckAnswer =
  { error: ErrorFacts | null } | { manifestBytes: Uint8Array } | { mistakes: readonly (readonly SchemaMistake[])[] };

/** `ready` comes once, when the thread can be asked. */
export type ThreadMessage = "ready" | { answer: CheckAnswer };
