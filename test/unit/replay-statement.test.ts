import { expect, it } from "vitest";
import { judgeReplay, replayResultOf, skippedReplay } from "../../src/domain/replay.ts";
import { replayStatementText } from "../../src/domain/replay-statement.ts";
import { canonicalJson } from "../../src/kernel/canonical-json.ts";
import { sha256 } from "../../src/kernel/digest.ts";
import { statementFacts } from "../support/ended-run.ts";

it("the statement about a replay holds digests and places, in RFC 8785 bytes, and nothing of what was read", () => {
  const [proof, recording] = [sha256("proof"), sha256("recording")];
  const end = (value: unknown) => ({ kind: "output" as const, json: JSON.stringify({ value }) });
  const tasks = [
    judgeReplay(
      { id: "one", attempt: 2, recording },
      { end: end("secret"), impure: ["file /secret"] },
      { end: end("other secret"), diverged: "file /secret", impure: [] },
      [],
    ),
    skippedReplay("two", "external", 1, recording),
  ];
  const text = replayStatementText(
    {
      run: "the-run",
      workflow: "pack/flow",
      proof,
      against: null,
      mask: ["/at"],
      isolation: "namespace",
      result: replayResultOf(tasks),
      tasks,
      startedAt: 1_000,
      finishedAt: 2_000,
    },
    statementFacts(),
  );
  expect(canonicalJson(JSON.parse(text))).toBe(text);
  expect(text).not.toContain("secret");
  expect(JSON.parse(text)).toEqual({
    _type: "https://in-toto.io/Statement/v1",
    subject: [{ name: "run/the-run", digest: { sha256: proof } }],
    predicateType: "urn:cascade:attestation:replay:v1",
    predicate: {
      against: null,
      isolation: "namespace",
      mask: ["/at"],
      of: { run: "the-run", proof, workflow: "pack/flow" },
      result: "different",
      runDetails: {
        builder: { id: "urn:cascade:engine:test", version: statementFacts().versions },
        metadata: { startedOn: "1970-01-01T00:00:01.000Z", finishedOn: "1970-01-01T00:00:02.000Z" },
      },
      tasks: [
        {
          id: "one",
          attempt: 2,
          recording,
          result: "diverged",
          expected: sha256('{"value":"secret"}'),
          found: sha256('{"value":"other secret"}'),
          pointer: "/value",
        },
        { id: "two", attempt: 1, recording, result: "skipped", expected: null, found: null, pointer: null },
      ],
    },
  });
});
