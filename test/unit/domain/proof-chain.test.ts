import { describe, expect, it } from "vitest";
import type { Proof } from "../../../src/domain/proof.ts";
import { CHAIN_START, followChain } from "../../../src/domain/proof-chain.ts";
import { sha256 } from "../../../src/kernel/digest.ts";

function link(runNumber: number, previousProof: string | null): Proof {
  const statement = JSON.stringify({ predicate: { outcome: { runNumber, previousProof } } });
  const digest = sha256(statement);
  const where = { runId: `run-${runNumber}`, workflow: "pack/flow", endedAt: 0 };
  return { ...where, runNumber, previousProof, statement, digest, signature: "", keyId: "" };
}

function problemsOf(proofs: readonly Proof[]): readonly string[] {
  let end = CHAIN_START;
  return proofs.flatMap((proof) => {
    const next = followChain(end, proof);
    end = next.end;
    return next.problems;
  });
}

const one = link(1, null);
const two = link(2, one.digest);
const three = link(3, two.digest);
const short = (digest: string) => digest.slice(0, 12);

describe("a chain of proofs", () => {
  it.each<[string, Proof[], string[]]>([
    ["whole", [one, two, three], []],
    ["empty", [], []],
    ["without one of them", [one, three], ["run 2 has no proof"]],
    ["without its beginning", [three], ["runs 1 to 2 have no proof"]],
    [
      "with another one in the place of one",
      [one, link(2, "f".repeat(64)), three],
      [
        `the proof of run 2 names ffffffffffff as the one before it, which is ${short(one.digest)}`,
        `the proof of run 3 names ${short(two.digest)} as the one before it, which is ${short(link(2, "f".repeat(64)).digest)}`,
      ],
    ],
    [
      "that begins twice",
      [one, link(2, null)],
      [`the proof of run 2 names none as the one before it, which is ${short(one.digest)}`],
    ],
    [
      "with a statement that was edited",
      [{ ...one, statement: one.statement.replace("null", '"x"') }],
      ["the statement of run 1 is not the one that was stored with its proof"],
    ],
    [
      "with what is no statement at all",
      [{ ...one, statement: "{", digest: sha256("{") }],
      ["the statement of run 1 is not the one that was stored with its proof"],
    ],
    [
      "with a number that the statement does not bear",
      [one, { ...three, runNumber: 2, previousProof: one.digest }],
      ["the statement of run 2 is not the one that was stored with its proof"],
    ],
  ])("%s", (_, proofs, problems) => {
    expect(problemsOf(proofs)).toEqual(problems);
  });
});
