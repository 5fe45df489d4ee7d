import { CascadeError } from "../../kernel/errors.ts";
import type { HeadToAnchor } from "../../ports/anchor.ts";
import type { HttpExchange } from "../../ports/http-exchange.ts";
import { cosignatureTime } from "../tlog/cosignature.ts";
import { type NoteSignature, parseNote } from "../tlog/note.ts";
import type { PolicyWitness } from "../tlog/witness-policy.ts";
import { parseCosignatureLines } from "./cosigned.ts";

export interface WitnessRequest {
  ask: HttpExchange;
  head: HeadToAnchor;
  timeoutMs: number;
  signal: AbortSignal;
  /** The largest head that was signed here by now. */
  newestSize(): Promise<number>;
}

const MAX_ANSWER = 16 * 1024;

/**
 * Has one witness cosign a head: `add-checkpoint` of https://c2sp.org/tlog-witness. When it knows the log at another size than it
 * is asked to go on from, it is asked once more from there. Rejects with `TLOG_ROLLED_BACK` when it has seen more than was ever
 * signed here.
 */
export async function askWitness(
  { name, key, url }: PolicyWitness & { url: string },
  request: WitnessRequest,
): Promise<readonly NoteSignature[]> {
  const { head } = request;
  let answer = await addCheckpoint(url, head.anchoredSize, request);
  if (answer.status === 409) {
    const seen = sizeIn(answer.body);
    if (seen === undefined) throw new CascadeError("ANCHOR_INVALID", `witness ${name} answered 409 without a size`);
    const newest = seen > head.size ? await request.newestSize() : head.size;
    if (seen > newest) throw rolledBack(name, seen, newest);
    if (seen > head.size)
      throw new CascadeError("ANCHOR_UNREACHABLE", `witness ${name} has cosigned a later head already`);
    answer = await addCheckpoint(url, seen, request);
  }
  if (answer.status !== 200) {
    const said = answer.body
      .toString("utf8")
      .replaceAll(/[^ -~]+/g, " ")
      .slice(0, 200);
    throw new CascadeError("ANCHOR_UNREACHABLE", `witness ${name} answered with status ${answer.status}: ${said}`);
  }
  const { body } = parseNote(head.checkpoint);
  const lines = parseCosignatureLines(answer.body.toString("utf8"), body) ?? [];
  const own = lines.filter((line) => line.name === key.name && line.hash === key.hash);
  if (own.length > 0 && cosignatureTime({ body, signatures: own }, key) !== undefined) return own;
  throw new CascadeError(
    "ANCHOR_INVALID",
    `the answer of witness ${name} is no cosignature of this head under its key`,
  );
}

async function addCheckpoint(url: string, oldSize: number, { ask, head, timeoutMs, signal }: WitnessRequest) {
  const path = await head.consistencyFrom(oldSize);
  const lines = [`old ${oldSize}`, ...path.map((hash) => hash.toString("base64"))];
  return ask({
    url: `${url.replace(/\/+$/, "")}/add-checkpoint`,
    method: "POST",
    contentType: "text/plain; charset=utf-8",
    accept: "text/plain",
    body: `${lines.join("\n")}\n\n${head.checkpoint}`,
    timeoutMs,
    maxBytes: MAX_ANSWER,
    signal,
  });
}

function sizeIn(body: Buffer): number | undefined {
  const text = body.toString("latin1");
  return /^(0|[1-9]\d{0,15})\n?$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : undefined;
}

function rolledBack(name: string, seen: number, newest: number): CascadeError {
  return new CascadeError(
    "TLOG_ROLLED_BACK",
    `witness ${name} has seen ${seen} leaves of the log, and only ${newest} are signed here: this data folder is an older copy`,
  );
}
