import { createPublicKey } from "node:crypto";
import { hashedRekordBody } from "../../src/proofs/tlog/leaf.ts";
import { noteKeyId } from "../../src/proofs/tlog/note.ts";
import { growingLog, type GrowingLog } from "./growing-log.ts";
import type { Parsed } from "./parsed.ts";
import { type DoubleAnswer, type DoubleRequest, httpDouble } from "./http-double.ts";

export interface RekorDouble {
  url: string;
  log: GrowingLog;
  requests: DoubleRequest[];
  /** Changes an entry before it is answered. */
  spoil: (entry: Parsed) => unknown;
}

/** A Rekor v2 log of our own tree: it takes `hashedRekordRequestV002` and answers with the entry under a head that covers it. */
export async function rekorDouble(origin = "rekor.test"): Promise<RekorDouble> {
  const log = growingLog(origin, "other entry");
  await log.grow(5);

  async function add(text: string): Promise<DoubleAnswer> {
    const { digest, signature } = JSON.parse(text).hashedRekordRequestV002;
    const { publicKey, keyDetails } = signature.verifier;
    if (keyDetails !== "PKIX_ECDSA_P256_SHA_256") return { status: 400, body: "unsupported algorithm" };
    const record = { digest, signature: signature.content, publicKey: Buffer.from(publicKey.rawBytes, "base64") };
    createPublicKey({ key: record.publicKey, format: "der", type: "spki" });
    const body = hashedRekordBody(record);
    const { head, growth } = await log.append([body, Buffer.from("one more")]);
    const index = head.size - 2;
    const entry = {
      logIndex: String(index),
      logId: { keyId: noteKeyId(log.key).toString("base64") },
      kindVersion: { kind: "hashedrekord", version: "0.0.2" },
      inclusionProof: {
        logIndex: String(index),
        treeSize: String(head.size),
        rootHash: growth.root.toString("base64"),
        hashes: growth.path(index).map((hash) => hash.toString("base64")),
        checkpoint: { envelope: head.checkpoint },
      },
      canonicalizedBody: body.toString("base64"),
    };
    return { status: 201, headers: { "content-type": "application/json" }, body: JSON.stringify(double.spoil(entry)) };
  }

  const { url, requests } = await httpDouble(({ method, path, body }) =>
    method === "POST" && path === "/api/v2/log/entries" ? add(body.toString("utf8")) : { status: 404 },
  );
  const double: RekorDouble = { url, log, requests, spoil: (entry) => entry };
  return double;
}
