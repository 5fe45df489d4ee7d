import { createHash, hash, type KeyObject, verify, X509Certificate } from "node:crypto";
import { der, type DerElement, derOid, derTags, derUnsigned, readDer } from "../../kernel/der.ts";

/** Object identifiers as the bytes of their DER elements. */
const oid = {
  sha256: derOid("2.16.840.1.101.3.4.2.1"),
  signedData: derOid("1.2.840.113549.1.7.2"),
  tstInfo: derOid("1.2.840.113549.1.9.16.1.4"),
  contentType: derOid("1.2.840.113549.1.9.3"),
  messageDigest: derOid("1.2.840.113549.1.9.4"),
  signingCertificate: derOid("1.2.840.113549.1.9.16.2.12"),
  signingCertificateV2: derOid("1.2.840.113549.1.9.16.2.47"),
};
const digests = [
  { name: "sha256", oid: oid.sha256 },
  { name: "sha384", oid: derOid("2.16.840.1.101.3.4.2.2") },
  { name: "sha512", oid: derOid("2.16.840.1.101.3.4.2.3") },
] as const;
const TIME_STAMPING = "1.3.6.1.5.5.7.3.8";
const GRANTED = [0, 1];
const MAX_CHAIN = 8;

/** A request to a time-stamping authority over the SHA-256 of some data (RFC 3161 section 2.4.1), which asks for its certificates. */
export function timeStampRequest(data: Uint8Array, nonce: Uint8Array): Buffer {
  return der(
    derTags.sequence,
    derUnsigned(Buffer.of(1)),
    messageImprint(data),
    derUnsigned(nonce),
    der(derTags.boolean, Buffer.of(0xff)),
  );
}

export interface TimeStamp {
  /** When the data was there, in milliseconds. */
  at: number;
  /** The name of the authority's certificate. */
  authority: string;
}

export interface TimeStampCheck {
  data: Uint8Array;
  /** Certificates to trust: of the authority, or of whoever vouches for it. */
  trusted: readonly X509Certificate[];
  /** What was asked with; without it any is taken. */
  nonce?: Uint8Array;
}

/**
 * Checks an answer (RFC 3161 section 2.4.2): granted, over this data and nonce, signed by a certificate for time stamps alone
 * that leads to a trusted one, all of them valid at that time. Signatures are RSA (PKCS #1 v1.5) or ECDSA with SHA-256, -384 or
 * -512. Revocation is not looked up. Returns in words what is wrong.
 */
export function checkTimeStamp(answer: Uint8Array, { data, trusted, nonce }: TimeStampCheck): TimeStamp | string {
  try {
    const [response, more] = readDer(answer);
    const [status, token] = children(response);
    const code = children(status)[0]?.content;
    if (more || !code || code.length !== 1) return "it is not one answer of a time-stamping authority";
    if (!GRANTED.includes(code[0]!)) return `the authority refused with status ${code[0]}`;
    const signed = openSignedData(token);
    if (typeof signed === "string") return signed;
    const info = openInfo(signed.info);
    if (typeof info === "string") return info;
    if (!info.imprint.equals(messageImprint(data))) return "it is over other data";
    if (nonce && !info.nonce?.equals(derUnsigned(nonce))) return "its nonce is another one than was asked with";
    const signer = signingCertificate(signed);
    if (typeof signer === "string") return signer;
    const problem = chainProblem(signer, signed.certificates, trusted, info.at);
    return problem ?? { at: info.at, authority: signer.subject.replaceAll("\n", ", ") };
  } catch (error) {
    return `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function messageImprint(data: Uint8Array): Buffer {
  const algorithm = der(derTags.sequence, oid.sha256, der(derTags.null));
  return der(derTags.sequence, algorithm, der(derTags.octetString, hash("sha256", data, "buffer")));
}

interface SignedData {
  /** The DER of the TSTInfo. */
  info: Buffer;
  certificates: readonly X509Certificate[];
  /** The fields of the one SignerInfo. */
  signer: readonly DerElement[];
}

/** RFC 5652 section 5.1. */
function openSignedData(token: DerElement | undefined): SignedData | string {
  const [type, wrapped] = children(token);
  if (!type?.bytes.equals(oid.signedData)) return "it holds no time stamp";
  const fields = children(children(wrapped)[0]);
  const [contentType, content] = children(fields[2]);
  const info = children(content)[0];
  if (!contentType?.bytes.equals(oid.tstInfo) || info?.tag !== derTags.octetString) return "it holds no time stamp";
  const certificates = fields.filter(({ tag }) => tag === 0xa0).flatMap(children);
  const signers = children(fields.at(-1));
  if (fields.at(-1)?.tag !== derTags.set || signers.length !== 1) return "it does not have exactly one signer";
  return {
    info: info.content,
    certificates: certificates.map(({ bytes }) => new X509Certificate(bytes)),
    signer: children(signers[0]),
  };
}

function openInfo(bytes: Buffer): { imprint: Buffer; at: number; nonce: Buffer | undefined } | string {
  const [info] = readDer(bytes);
  const [, , imprint, , time, ...rest] = children(info);
  const at = time?.tag === derTags.generalizedTime ? timeOf(time.content.toString("latin1")) : undefined;
  if (!imprint || at === undefined) return "it does not tell its time";
  // The hash's parameters may be absent, which means the same.
  const [algorithm, digest] = children(imprint);
  const [hashOid, , ...others] = children(algorithm);
  const isSha256 = hashOid?.bytes.equals(oid.sha256) && others.length === 0;
  if (!isSha256 || !digest) return "it is not over a SHA-256";
  const written = der(
    derTags.sequence,
    der(derTags.sequence, oid.sha256, der(derTags.null)),
    der(derTags.octetString, digest.content),
  );
  return { imprint: written, at, nonce: rest.find(({ tag }) => tag === derTags.integer)?.bytes };
}

/** The certificate under which the signature of the token is good (RFC 5652 section 5.4, RFC 5816). */
function signingCertificate({ info, certificates, signer }: SignedData): X509Certificate | string {
  const [, , digestAlgorithm, attributes, , signature] = signer;
  const digest = digests.find((each) => children(digestAlgorithm)[0]?.bytes.equals(each.oid));
  if (!digest) return "it is signed with a hash that is not taken";
  if (attributes?.tag !== 0xa0 || signature?.tag !== derTags.octetString) return "its signer has another form";
  const named = (type: Buffer) => {
    const found = children(attributes).filter((attribute) => children(attribute)[0]?.bytes.equals(type));
    return found.length === 1 ? children(children(found[0])[1])[0] : undefined;
  };
  if (!named(oid.contentType)?.bytes.equals(oid.tstInfo)) return "its signature is not over a time stamp";
  if (!named(oid.messageDigest)?.content.equals(hash(digest.name, info, "buffer")))
    return "its signature is over another one";
  // Signed as the set that they are, not with the tag that they have in their place.
  const message = Buffer.concat([Buffer.of(derTags.set), attributes.bytes.subarray(1)]);
  const found = certificates.find(
    ({ publicKey, raw }) =>
      isNamed(raw, named(oid.signingCertificateV2), named(oid.signingCertificate)) &&
      isSignature(digest.name, message, publicKey, signature.content),
  );
  return found ?? "it is not signed by a certificate that it holds and names";
}

/** Whether the attribute of the signer names this certificate, so that none with the same key can take its place. */
function isNamed(raw: Buffer, v2: DerElement | undefined, v1: DerElement | undefined): boolean {
  const [first] = children(children(children(v2 ?? v1)[0])[0]);
  if (!first) return false;
  if (!v2) return first.content.equals(createHash("sha1").update(raw).digest());
  const fields = children(children(children(v2)[0])[0]);
  // Without an algorithm it is SHA-256.
  const chosen = first.tag === derTags.sequence ? children(first)[0]?.bytes : oid.sha256;
  const digest = digests.find((each) => chosen?.equals(each.oid));
  const named = fields.find(({ tag }) => tag === derTags.octetString)?.content;
  return digest !== undefined && named !== undefined && named.equals(hash(digest.name, raw, "buffer"));
}

function isSignature(digest: string, message: Buffer, key: KeyObject, signature: Buffer): boolean {
  if (key.asymmetricKeyType !== "rsa" && key.asymmetricKeyType !== "ec") return false;
  return verify(digest, message, key, signature);
}

/** What keeps the certificate from leading to a trusted one; undefined when it does. */
function chainProblem(
  signer: X509Certificate,
  given: readonly X509Certificate[],
  trusted: readonly X509Certificate[],
  at: number,
): string | undefined {
  // `keyUsage` is Node's name for the extended one.
  if (signer.keyUsage?.length !== 1 || signer.keyUsage[0] !== TIME_STAMPING)
    return "its certificate is not for time stamps alone";
  let current = signer;
  for (let length = 0; length < MAX_CHAIN; length++) {
    const name = current.subject.replaceAll("\n", ", ");
    if (at < Date.parse(current.validFrom) || at > Date.parse(current.validTo))
      return `${name} was not valid at that time`;
    if (trusted.some(({ raw }) => raw.equals(current.raw))) return undefined;
    const issuer = [...trusted, ...given].find(
      (each) => each.ca && !each.raw.equals(current.raw) && current.checkIssued(each) && current.verify(each.publicKey),
    );
    if (!issuer) return `${name} leads to no certificate that is trusted`;
    current = issuer;
  }
  return "its chain of certificates is too long";
}

/** Milliseconds of a GeneralizedTime in UTC, as RFC 3161 section 2.4.2 writes it. */
function timeOf(text: string): number | undefined {
  const [, year, month, day, hour, minute, second, fraction] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d+))?Z$/.exec(text) ?? [];
  if (year === undefined) return undefined;
  const ms = (fraction ?? "").padEnd(3, "0").slice(0, 3);
  const at = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`);
  return Number.isNaN(at) ? undefined : at;
}

function children(element: DerElement | undefined): DerElement[] {
  return element && (element.tag & 0x20) !== 0 ? readDer(element.content) : [];
}
