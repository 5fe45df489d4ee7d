import type { Tlog } from "../../domain/tlog.ts";
import { CascadeError } from "../../kernel/errors.ts";
import type { Anchor } from "../../ports/anchor.ts";
import type { HttpExchange } from "../../ports/http-exchange.ts";
import { formatNote, type NoteSignature, parseNote } from "../tlog/note.ts";
import { type PolicyWitness, quorumReached, type WitnessPolicy } from "../tlog/witness-policy.ts";
import { askWitness } from "./ask-witness.ts";
import type { AnchorTerms } from "./terms.ts";

export interface WitnessTerms extends AnchorTerms {
  /** Those of its witnesses that have a URL are asked. */
  policy: WitnessPolicy;
}

export interface WitnessPorts {
  ask: HttpExchange;
  /** The largest head of a log that was signed by now. */
  newestSize(log: Pick<Tlog, "origin" | "vkey">): Promise<number>;
}

/** The witnesses of a policy. The receipt is the checkpoint with the cosignatures of a quorum under its own signature. */
export function createWitnessAnchor(
  { policy, timeoutMs, ...terms }: WitnessTerms,
  { ask, newestSize }: WitnessPorts,
): Anchor {
  return {
    ...terms,
    kind: "witness",
    async step(head, _progress, signal) {
      const request = { ask, head, timeoutMs, signal, newestSize: () => newestSize(head) };
      const answers = await Promise.all(
        policy.witnesses.filter(hasUrl).map((witness) =>
          askWitness(witness, request).then(
            (lines) => ({ name: witness.name, lines }),
            (error: unknown) => ({ name: witness.name, error }),
          ),
        ),
      );
      const failures = answers.flatMap((answer) => ("error" in answer ? [answer.error] : []));
      // One such witness outweighs a quorum of others, which may have forgotten.
      for (const error of failures) if (error instanceof CascadeError && error.code === "TLOG_ROLLED_BACK") throw error;
      const given = answers.flatMap((answer) => ("lines" in answer ? [answer] : []));
      if (!quorumReached(policy, new Set(given.map(({ name }) => name)))) throw missed(policy, failures);
      return {
        done: true,
        receipt: Buffer.from(
          withLines(
            head.checkpoint,
            given.flatMap(({ lines }) => lines),
          ),
          "utf8",
        ),
      };
    },
  };
}

function hasUrl(witness: PolicyWitness): witness is PolicyWitness & { url: string } {
  return witness.url !== undefined;
}

function withLines(checkpoint: string, lines: readonly NoteSignature[]): string {
  const note = parseNote(checkpoint);
  return formatNote({ body: note.body, signatures: [...note.signatures, ...lines] });
}

function missed({ quorum }: WitnessPolicy, failures: readonly unknown[]): CascadeError {
  const [first] = failures.filter((error) => error instanceof CascadeError);
  const reasons = failures.map((error) => (error instanceof Error ? error.message : String(error))).join("; ");
  const message = `the quorum ${quorum} was not reached: ${reasons || "no witness has a URL"}`;
  return new CascadeError(first?.code ?? "ANCHOR_UNREACHABLE", message, { cause: first });
}
