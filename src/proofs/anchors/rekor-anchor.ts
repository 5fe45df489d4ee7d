import { createPublicKey } from "node:crypto";
import { CascadeError } from "../../kernel/errors.ts";
import type { Json } from "../../kernel/json.ts";
import type { Anchor } from "../../ports/anchor.ts";
import type { HttpExchange } from "../../ports/http-exchange.ts";
import type { Signer } from "../../ports/signer.ts";
import type { NoteKey } from "../tlog/note.ts";
import { rekorBundleText } from "./rekor-bundle.ts";
import { checkRekorEntry, recordOf } from "./rekor-entry.ts";
import type { AnchorTerms } from "./terms.ts";

export interface RekorTerms extends AnchorTerms {
  /** The address below which `/api/v2` lies. */
  url: string;
  /** The key of the other log. */
  log: NoteKey;
}

/** 64 hashes, a checkpoint with its cosignatures and a leaf are less than half of it. */
const MAX_ANSWER = 64 * 1024;

/**
 * A Rekor v2 log, which takes a `hashedrekord` over the SHA-256 of the checkpoint. Its answer, an entry under a signed head, is
 * checked before it is believed; the receipt is a Sigstore bundle.
 */
export function createRekorAnchor(
  { url, log, timeoutMs, ...terms }: RekorTerms,
  ask: HttpExchange,
  signer: Pick<Signer, "publicKey" | "sign">,
): Anchor {
  const publicKey = createPublicKey(signer.publicKey).export({ type: "spki", format: "der" });

  return {
    ...terms,
    kind: "rekor",
    async step({ checkpoint }, _progress, signal) {
      const signature = (await signer.sign(Buffer.from(checkpoint, "utf8"))).toString("base64");
      const record = recordOf(checkpoint, signature, publicKey);
      const keyDetails = "PKIX_ECDSA_P256_SHA_256";
      const verifier = { publicKey: { rawBytes: publicKey.toString("base64") }, keyDetails };
      const { status, body } = await ask({
        url: `${url.replace(/\/+$/, "")}/api/v2/log/entries`,
        method: "POST",
        contentType: "application/json",
        body: JSON.stringify({
          hashedRekordRequestV002: { digest: record.digest, signature: { content: signature, verifier } },
        }),
        timeoutMs,
        maxBytes: MAX_ANSWER,
        signal,
      });
      const text = body.toString("utf8");
      if (status !== 200 && status !== 201) {
        const said = text.replaceAll(/[^ -~]+/g, " ").slice(0, 200);
        throw new CascadeError("ANCHOR_UNREACHABLE", `${url} answered with status ${status}: ${said}`);
      }
      const entry = entryIn(text);
      const inclusion = entry === undefined ? "it is not JSON" : checkRekorEntry(entry, record, log);
      if (typeof inclusion === "string") {
        throw new CascadeError("ANCHOR_INVALID", `the entry of ${url}: ${inclusion}`);
      }
      return { done: true, receipt: Buffer.from(rekorBundleText(checkpoint, signature, publicKey, entry!), "utf8") };
    },
  };
}

function entryIn(text: string): Json | undefined {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}
