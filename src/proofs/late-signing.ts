import { statementPae } from "../domain/dsse.ts";
import { isSigned, type SignedStatement } from "../domain/sealed-statement.ts";
import type { StoredStatement } from "../domain/tlog.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import { CascadeError, toCascadeError } from "../kernel/errors.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { Signer } from "../ports/signer.ts";

export interface LateSigningOptions {
  /** Of the key that unsigned statements name. */
  signer: Pick<Signer, "sign">;
  writer: ChangeWriter;
  crashPoint: CrashPoint;
}

/** A key management service takes some 50 ms for each. */
const AT_ONCE = 8;
/** Signatures that are recorded together, and how many a crash can cost that nobody has seen. */
const ROUND = 64;

export interface SignedSoFar {
  /** From the first statement on, as far as they are signed. */
  signed: readonly SignedStatement<StoredStatement>[];
  /** Why the next one is not; undefined when its turn has not come. */
  error?: CascadeError;
}

/**
 * Signs some of the statements that were stored unsigned, oldest first, and records their signatures. One that has a signature
 * never gets another: an ECDSA signature is random, and two would be two leaves. Rejects when signatures cannot be recorded.
 */
export type LateSigning = (statements: readonly StoredStatement[], signal: AbortSignal) => Promise<SignedSoFar>;

export function createLateSigning({ signer, writer, crashPoint }: LateSigningOptions): LateSigning {
  async function signAll(statements: readonly StoredStatement[], signal: AbortSignal) {
    const signatures = new Map<number, string>();
    const queue = statements.values();
    let error: CascadeError | undefined;
    async function work(): Promise<void> {
      for (const { id, statement } of queue) {
        try {
          const signature = await signer.sign(statementPae(statement), signal);
          signatures.set(id, Buffer.from(signature).toString("base64"));
        } catch (failure) {
          error ??= toCascadeError(failure);
        }
        if (error) return;
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    return { signatures, error };
  }

  return async (statements, signal) => {
    const unsigned = statements.filter((statement) => !isSigned(statement)).slice(0, ROUND);
    const { signatures, error } = await signAll(unsigned, signal);
    if (signatures.size > 0) {
      crashPoint("statements-signed");
      const recorded = [...signatures].map(([id, signature]) => ({ id, signature }));
      const verdict = await writer.submit({ type: "sign_statements", signatures: recorded });
      if (!verdict.ok) throw new CascadeError("STORE_FAILED", `signatures were not recorded: ${verdict.message}`);
    }
    const known = statements.map((statement) => ({
      ...statement,
      signature: signatures.get(statement.id) ?? statement.signature,
    }));
    const next = known.findIndex((statement) => !isSigned(statement));
    const signed = (next < 0 ? known : known.slice(0, next)).filter(isSigned);
    return error ? { signed, error } : { signed };
  };
}
