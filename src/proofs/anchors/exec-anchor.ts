import { CascadeError } from "../../kernel/errors.ts";
import type { Anchor } from "../../ports/anchor.ts";
import type { RunCommand } from "../../ports/run-command.ts";
import type { AnchorTerms } from "./terms.ts";

export interface ExecTerms extends AnchorTerms {
  /** The program and its arguments. */
  command: readonly string[];
  /** For `PATH` and `HOME` of the command. */
  environment: Readonly<Record<string, string>>;
}

const MAX_RECEIPT = 1024 * 1024;

/**
 * Any command: it is given the checkpoint on stdin, and `CASCADE_TLOG_ORIGIN` and `CASCADE_TLOG_SIZE`. The receipt is what it
 * writes to stdout, which is kept as it is: only whoever wrote the command can tell what it is worth.
 */
export function createExecAnchor({ command, environment, timeoutMs, ...terms }: ExecTerms, run: RunCommand): Anchor {
  return {
    ...terms,
    kind: "exec",
    async step({ checkpoint, origin, size }, _progress, signal) {
      const receipt = await run({
        argv: command,
        environment: { ...environment, CASCADE_TLOG_ORIGIN: origin, CASCADE_TLOG_SIZE: String(size) },
        stdin: checkpoint,
        timeoutMs,
        maxBytes: MAX_RECEIPT,
        signal,
      });
      if (receipt.length === 0) throw new CascadeError("ANCHOR_INVALID", `${command[0]} wrote no receipt to stdout`);
      return { done: true, receipt };
    },
  };
}
