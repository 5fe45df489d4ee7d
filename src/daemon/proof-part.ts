import { parseBundle } from "../domain/bundle.ts";
import { statementPae } from "../domain/dsse.ts";
import { readStatement } from "../domain/statement-check.ts";
import { CascadeError } from "../kernel/errors.ts";
import { slsaProvenance } from "../proofs/slsa.ts";
import { formatTlogProof } from "../proofs/tlog/tlog-proof.ts";

/** The parts of a proof that other programs ask for. */
export const proofParts = ["statement", "pae", "signature", "leaf", "tlogProof", "slsa"] as const;
export type ProofPart = (typeof proofParts)[number];

/**
 * A part of a proof file. `statement`, `pae` and `leaf` are exactly the bytes that are signed or logged, without a line feed;
 * the signature is in base64. Throws `PROOF_NOT_LOGGED` for what is not in a signed head yet.
 */
export function proofPart(bundle: string, part: ProofPart): string {
  const { statement, signature, entry } = parseBundle(bundle);
  switch (part) {
    case "statement":
      return statement;
    case "pae":
      return statementPae(statement).toString("utf8");
    case "signature":
      return `${signature}\n`;
    case "slsa":
      return `${JSON.stringify(slsaOf(statement), null, 2)}\n`;
    case "leaf":
    case "tlogProof": {
      if (!entry) throw new CascadeError("PROOF_NOT_LOGGED", "its place in the transparency log is not signed yet");
      if (part === "leaf") return Buffer.from(entry.body, "base64").toString("utf8");
      const path = entry.path.map((hash) => Buffer.from(hash, "base64"));
      return formatTlogProof({ index: entry.index, path, checkpoint: entry.checkpoint });
    }
  }
}

function slsaOf(statement: string) {
  const reading = readStatement(JSON.parse(statement));
  if ("problems" in reading) throw new CascadeError("PROOF_INVALID", reading.problems.join("; "));
  return slsaProvenance(reading.statement);
}
