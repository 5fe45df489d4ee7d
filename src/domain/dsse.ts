/** The payload type of in-toto statements in a DSSE envelope. */
export const STATEMENT_PAYLOAD_TYPE = "application/vnd.in-toto+json";

/**
 * The bytes that a DSSE signature covers, the pre-authentication encoding of
 * https://github.com/secure-systems-lab/dsse/blob/master/protocol.md: lengths are decimal and count bytes.
 */
export function paeOf(payloadType: string, payload: Uint8Array): Buffer {
  const head = `DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `;
  return Buffer.concat([Buffer.from(head, "utf8"), payload]);
}

/** The bytes that are signed for a statement, given as its RFC 8785 text. */
export function statementPae(statement: string): Buffer {
  return paeOf(STATEMENT_PAYLOAD_TYPE, Buffer.from(statement, "utf8"));
}
