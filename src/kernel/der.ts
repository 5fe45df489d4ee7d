/** One element of DER (ITU-T X.690). */
export interface DerElement {
  /** The identifier octet; tag numbers over 30 are not read. */
  tag: number;
  content: Buffer;
  /** Identifier, length and content as they were. */
  bytes: Buffer;
}

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The elements that lie one after the other in the bytes. Throws a RangeError when these end within one. */
export function readDer(bytes: Uint8Array): DerElement[] {
  const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const elements: DerElement[] = [];
  let at = 0;
  while (at < all.length) {
    const tag = all[at]!;
    if ((tag & 0x1f) === 0x1f) throw new RangeError("a tag number is over 30");
    const { start, length } = readLength(all, at + 1);
    const end = start + length;
    if (end > all.length) throw new RangeError("the bytes end within an element");
    elements.push({ tag, content: all.subarray(start, end), bytes: all.subarray(at, end) });
    at = end;
  }
  return elements;
}

function readLength(all: Buffer, at: number): { start: number; length: number } {
  const first = all[at];
  if (first === undefined) throw new RangeError("the bytes end within an element");
  if (first < 0x80) return { start: at + 1, length: first };
  const count = first & 0x7f;
  // 4 octets are more than anything that is read here may be long; 0x80 alone is a length of BER.
  if (count === 0 || count > 4 || at + 1 + count > all.length) throw new RangeError("a length has another form");
  return { start: at + 1 + count, length: all.readUIntBE(at + 1, count) };
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents);
  return Buffer.concat([Buffer.of(tag), lengthOctets(content.length), content]);
}

function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return Buffer.of(0x80 | octets.length, ...octets);
}

/** An integer that is not negative, given by its big-endian octets. */
export function derUnsigned(octets: Uint8Array): Buffer {
  let start = 0;
  while (start < octets.length - 1 && octets[start] === 0) start++;
  const value = octets.subarray(start);
  return der(derTags.integer, (value[0] ?? 0) >= 0x80 ? Buffer.of(0) : Buffer.alloc(0), value);
}

/** An object identifier, given in its dotted form. */
export function derOid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const octets = [first * 40 + second, ...rest].flatMap((arc) => {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128))
      groups.unshift(0x80 | (left & 0x7f));
    return groups;
  });
  return der(derTags.oid, Buffer.from(octets));
}
