import { randomBytes, X509Certificate } from "node:crypto";
import { describe, expect, it } from "vitest";
import { createHttpExchange } from "../../src/adapters/anchors/http-exchange.ts";
import { type DerElement, readDer } from "../../src/kernel/der.ts";
import { checkTimeStamp } from "../../src/proofs/anchors/time-stamp.ts";
import { createTimeStampAnchor } from "../../src/proofs/anchors/time-stamp-anchor.ts";
import { growingLog } from "../support/growing-log.ts";
import { httpDouble, refusedUrl } from "../support/http-double.ts";
import { realClock } from "../support/real-clock.ts";
import { timeAuthority } from "../support/time-authority.ts";

const never = new AbortController().signal;
const ask = createHttpExchange(realClock);

async function stamped(url: string, ca: string, timeoutMs = 10_000) {
  const log = growingLog();
  const head = await log.grow(3);
  const anchor = createTimeStampAnchor(
    { name: "time", everyMs: 1, timeoutMs, url, trusted: [new X509Certificate(ca)] },
    ask,
    randomBytes,
  );
  const anchoring = await anchor.step(log.show(head), null, never);
  return { checkpoint: head.checkpoint, receipt: Buffer.from(anchoring.done ? anchoring.receipt : []) };
}

describe("a time stamp of OpenSSL's authority", () => {
  it.each(["ec", "rsa"] as const)("is taken with %s keys, and OpenSSL takes what was kept", async (kind) => {
    const authority = await timeAuthority(kind);
    const before = Date.now();
    const { checkpoint, receipt } = await stamped(authority.url, authority.ca);
    expect(authority.openssl(receipt, checkpoint)).toBe("Verification: OK");
    expect(authority.openssl(receipt, `${checkpoint}x`)).not.toBe("Verification: OK");
    const data = Buffer.from(checkpoint);
    const stamp = checkTimeStamp(receipt, { data, trusted: [new X509Certificate(authority.ca)] });
    expect(stamp).toMatchObject({ authority: "CN=Test Authority" });
    expect(typeof stamp === "string" ? 0 : stamp.at).toBeGreaterThan(before - 2_000);
  });

  it("is refused over other data, under another root, and cut off", async () => {
    const [authority, other] = [await timeAuthority(), await timeAuthority()];
    const { checkpoint, receipt } = await stamped(authority.url, authority.ca);
    const data = Buffer.from(checkpoint);
    const trusted = [new X509Certificate(authority.ca)];
    expect(checkTimeStamp(receipt, { data: Buffer.from("other"), trusted })).toBe("it is over other data");
    expect(checkTimeStamp(receipt, { data, trusted: [new X509Certificate(other.ca)] })).toMatch(
      /leads to no certificate/,
    );
    expect(checkTimeStamp(receipt.subarray(0, 200), { data, trusted })).toMatch(/cannot be read/);
    expect(checkTimeStamp(Buffer.from("<html>"), { data, trusted })).toBeTypeOf("string");
  });

  it("is refused when any single bit of the stamp, of what is signed, of the signature or of the certificate is flipped", async () => {
    const authority = await timeAuthority();
    const { checkpoint, receipt } = await stamped(authority.url, authority.ca);
    const data = Buffer.from(checkpoint);
    const trusted = [new X509Certificate(authority.ca)];
    const inner = (element: DerElement | undefined) => readDer(element!.content);
    const [, , content, certificates, signers] = inner(inner(inner(readDer(receipt)[0])[1]).at(1)).flatMap((signed) =>
      readDer(signed.content),
    );
    const info = inner(inner(inner(content)[1])[0])[0]!;
    const [, , , attributes, , signature] = inner(inner(signers)[0]);
    const signer = inner(certificates).find(({ bytes }) => new X509Certificate(bytes).subject.includes("Authority"))!;
    const taken: string[] = [];
    for (const [part, { bytes }] of Object.entries({ info, attributes: attributes!, signature: signature!, signer })) {
      const start = receipt.indexOf(bytes);
      for (let bit = 0; bit < bytes.length * 8; bit++) {
        const flipped = Buffer.from(receipt);
        flipped[start + (bit >> 3)]! ^= 1 << (bit & 7);
        if (typeof checkTimeStamp(flipped, { data, trusted }) !== "string") taken.push(`${part} ${bit}`);
      }
    }
    expect(taken).toEqual([]);
  });
});

describe("an authority that cannot be believed", () => {
  it("answers with the stamp of another request: its nonce tells", async () => {
    const authority = await timeAuthority();
    let first: Buffer | undefined;
    const log = growingLog();
    const head = log.show(await log.grow(3));
    const anchor = createTimeStampAnchor(
      { name: "time", everyMs: 1, timeoutMs: 10_000, url: authority.url, trusted: [new X509Certificate(authority.ca)] },
      ask,
      randomBytes,
    );
    authority.spoil = (answer) => ({ ...answer, body: (first ??= answer.body as Buffer) });
    await anchor.step(head, null, never);
    await expect(anchor.step(head, null, never)).rejects.toMatchObject({
      code: "ANCHOR_INVALID",
      message: expect.stringContaining("nonce"),
    });
  });

  it.each([
    ["too much", () => ({ body: Buffer.alloc(200_000) }), "ANCHOR_INVALID", "more than 65536 bytes"],
    ["a redirect", () => ({ status: 302, headers: { location: "http://127.0.0.1:1/" } }), "ANCHOR_INVALID", "redirect"],
    ["an error", () => ({ status: 500, body: "no" }), "ANCHOR_UNREACHABLE", "status 500"],
    ["a page", () => ({ body: "<html>hello</html>" }), "ANCHOR_INVALID", "time stamp"],
    ["nothing", () => "never" as const, "ANCHOR_UNREACHABLE", "no whole answer within 300 ms"],
  ])("answers with %s", async (_what, answer, code, message) => {
    const { url } = await httpDouble(answer);
    const { ca } = await timeAuthority();
    await expect(stamped(url, ca, 300)).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  });

  it("refuses with a status of its own", async () => {
    const { ca } = await timeAuthority();
    const rejection = Buffer.from("30053003020102", "hex");
    const { url } = await httpDouble(() => ({ body: rejection }));
    await expect(stamped(url, ca)).rejects.toMatchObject({ message: expect.stringContaining("refused with status 2") });
  });

  it("is not there", async () => {
    const { ca } = await timeAuthority();
    await expect(stamped(await refusedUrl(), ca)).rejects.toMatchObject({ code: "ANCHOR_UNREACHABLE" });
  });
});
