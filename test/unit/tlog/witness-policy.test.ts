import { describe, expect, it } from "vitest";
import { formatVkey } from "../../../src/proofs/tlog/note.ts";
import { parseWitnessPolicy, quorumReached } from "../../../src/proofs/tlog/witness-policy.ts";
import { testNoteKey } from "../../support/note-keys.ts";

const logKey = testNoteKey("log.example", 1, 1).key;
const keys = ["x1", "x2", "x3", "y1", "y2"].map((name, index) => testNoteKey(`${name}.example`, 4, index + 2).key);
const [x1, x2, x3, y1, y2] = keys.map(formatVkey);
const log = `log ${formatVkey(logKey)}`;
const text = `
# Two levels.
${log} https://log.example/

witness x1 ${x1} https://x1.example/
\twitness\tx2 ${x2}  \t
  # A comment after spaces.
witness x3 ${x3}
group X 2 x1 x2 x3
witness y1 ${y1}
witness y2 ${y2}
group Y any y1 y2
group both all X Y
quorum both
`;

describe("a witness policy", () => {
  it("is read with its logs, witnesses, groups and quorum", () => {
    const policy = parseWitnessPolicy(text);
    expect(policy).toEqual({
      logs: [logKey],
      witnesses: [
        { name: "x1", key: keys[0], url: "https://x1.example/" },
        { name: "x2", key: keys[1] },
        { name: "x3", key: keys[2] },
        { name: "y1", key: keys[3] },
        { name: "y2", key: keys[4] },
      ],
      groups: [
        { name: "X", threshold: 2, members: ["x1", "x2", "x3"] },
        { name: "Y", threshold: 1, members: ["y1", "y2"] },
        { name: "both", threshold: 2, members: ["X", "Y"] },
      ],
      quorum: "both",
    });
  });

  it("is satisfied by exactly the sets of witnesses that its groups say", () => {
    const policy = parseWitnessPolicy(text);
    const names = policy.witnesses.map(({ name }) => name);
    for (let chosen = 0; chosen < 32; chosen++) {
      const set = new Set(names.filter((_, index) => (chosen >> index) % 2 === 1));
      const ofX = ["x1", "x2", "x3"].filter((name) => set.has(name)).length;
      const expected = ofX >= 2 && (set.has("y1") || set.has("y2"));
      expect(quorumReached(policy, set), [...set].join(" ")).toBe(expected);
    }
  });

  it("counts no group that is passed in as a witness, and no stranger", () => {
    const policy = parseWitnessPolicy(text);
    expect(quorumReached(policy, new Set(["both", "X", "Y"]))).toBe(false);
    expect(quorumReached(policy, new Set(["x1", "z", "y1"]))).toBe(false);
  });

  it("may name one witness, or none", () => {
    const one = parseWitnessPolicy(`witness x1 ${x1}\nquorum x1`);
    expect(quorumReached(one, new Set(["x1"]))).toBe(true);
    expect(quorumReached(one, new Set())).toBe(false);
    const none = parseWitnessPolicy("quorum none\n");
    expect(none).toEqual({ logs: [], witnesses: [], groups: [], quorum: "none" });
    expect(quorumReached(none, new Set())).toBe(true);
  });

  it("reads a witness key of the plain type as the cosignature key that it is", () => {
    const plain = formatVkey(testNoteKey("x1.example", 1, 2).key);
    expect(parseWitnessPolicy(`witness x1 ${plain}\nquorum x1\n`).witnesses).toEqual([{ name: "x1", key: keys[0] }]);
  });

  it("takes a long chain of groups", () => {
    const groups = Array.from({ length: 5000 }, (_, index) => `group g${index + 1} all g${index}`);
    const policy = parseWitnessPolicy(`witness g0 ${x1}\n${groups.join("\n")}\nquorum g5000\n`);
    expect(quorumReached(policy, new Set(["g0"]))).toBe(true);
    expect(quorumReached(policy, new Set())).toBe(false);
  });

  it.each<[string, string]>([
    ["", "it has no quorum line"],
    ["none x1", "line 1: none is none of log, witness, group and quorum"],
    ["log", "line 1: a log has a key and perhaps a URL"],
    [`${log} a b`, "line 1: a log has a key and perhaps a URL"],
    [`log ${x1}`, "line 1: the key of a log is of type 1 (Ed25519)"],
    ["log log.example", "line 1: the note key cannot be used: it is not name+hash+base64"],
    [`${log}\n${log}`, "line 2: this log's key is there already"],
    [`${log}\nlog ${formatVkey(testNoteKey("alias", 1, 1).key)}`, "line 2: this log's key is there already"],
    ["witness x1", "line 1: a witness has a name, a key and perhaps a URL"],
    [`witness x1 ${x1} a # b`, "line 1: a witness has a name, a key and perhaps a URL"],
    [`witness any ${x1}`, "line 1: any cannot be a name"],
    [`witness a ${x1}\nwitness a ${x2}`, "line 2: the name a is there already"],
    [`witness a ${x1}\nwitness b ${x1}`, "line 2: this witness's key is there already"],
    [
      `witness a ${x1}\nwitness b ${formatVkey(testNoteKey("alias", 4, 2).key)}`,
      "line 2: this witness's key is there already",
    ],
    ["group g all", "line 1: a group has a name, a count (all, any or a number) and members"],
    ["group g all g", "line 1: g is no witness or group of the lines before"],
    ["group g all none", "line 1: none is no witness or group of the lines before"],
    [`witness a ${x1}\ngroup a all a`, "line 2: the name a is there already"],
    [`witness a ${x1}\ngroup g all a a`, "line 2: a is a member already"],
    [`witness a ${x1}\ngroup g all a\ngroup h all a`, "line 3: a is a member already"],
    [`witness a ${x1}\ngroup g 0 a`, "line 2: the count of a group is all, any or a number from 1 to its 1 members"],
    [`witness a ${x1}\ngroup g 2 a`, "line 2: the count of a group is all, any or a number from 1 to its 1 members"],
    [`witness a ${x1}\ngroup g 01 a`, "line 2: the count of a group is all, any or a number from 1 to its 1 members"],
    ["quorum", "line 1: a quorum is one name"],
    ["quorum none none", "line 1: a quorum is one name"],
    ["quorum none\nquorum none", "line 2: there is a quorum already"],
    [`quorum a\nwitness a ${x1}`, "line 1: a is no witness or group of the lines before"],
    ["quorum all", "line 1: all is no witness or group of the lines before"],
    ["quorum none\r\n", "line 1: it holds a control character"],
    ["# \u0000\nquorum none", "line 1: it holds a control character"],
    ["quorum\u00a0none", "line 1: quorum\u00a0none is none of log, witness, group and quorum"],
  ])("is refused: %j", (policy, reason) => {
    expect(() => parseWitnessPolicy(policy)).toThrow(
      expect.objectContaining({ code: "POLICY_INVALID", message: `this is not a witness policy: ${reason}` }),
    );
  });
});
