import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../../src/kernel/canonical-json.ts";
import { emptyLog, nextEnd } from "../../../src/proofs/tlog/appender.ts";
import { formatCheckpoint, parseCheckpoint } from "../../../src/proofs/tlog/checkpoint.ts";
import { cosignatureTime, cosignedMessage } from "../../../src/proofs/tlog/cosignature.ts";
import {
  consistencyPath,
  EMPTY_ROOT,
  hashChildren,
  hashLeaf,
  inclusionPath,
  rootOf,
  verifyConsistency,
  verifyInclusion,
} from "../../../src/proofs/tlog/merkle.ts";
import {
  ed25519NoteSignature,
  formatNote,
  formatVkey,
  isSignedBy,
  parseNote,
  parseVkey,
} from "../../../src/proofs/tlog/note.ts";
import {
  decodeEntries,
  encodeEntries,
  entriesPath,
  parseTilePath,
  TILE_WIDTH,
  tileNodes,
  tilePath,
} from "../../../src/proofs/tlog/tiles.ts";
import { formatTlogProof, parseTlogProof, type TlogProof } from "../../../src/proofs/tlog/tlog-proof.ts";
import { parseWitnessPolicy } from "../../../src/proofs/tlog/witness-policy.ts";
import { countedLeaves, edgeTiles } from "../../support/naive-log.ts";
import { ed25519Key } from "../../support/note-keys.ts";
import { vector, vectorBytes, vectorsAbsent, vectorText } from "../../support/vectors.ts";

if (vectorsAbsent) console.warn(vectorsAbsent);

const fromBase64 = (text: string) => Buffer.from(text, "base64");
const proofInvalid = expect.objectContaining({ code: "PROOF_INVALID" });
const policyInvalid = (message: string) =>
  expect.objectContaining({ code: "POLICY_INVALID", message: expect.stringContaining(message) });

describe.skipIf(vectorsAbsent)("the published vectors of RFC 6962 trees", () => {
  it("give these hashes", () => {
    const hasher = vector<Record<string, string>>("rfc6962/hasher.json");
    expect(EMPTY_ROOT.toString("hex")).toBe(hasher["empty_root"]);
    expect(hashLeaf(Buffer.alloc(0)).toString("hex")).toBe(hasher["leaf_of_empty"]);
    expect(hashLeaf(Buffer.from("L123456")).toString("hex")).toBe(hasher["leaf_of_utf8_L123456"]);
    expect(hashChildren(Buffer.from("N123"), Buffer.from("N456")).toString("hex")).toBe(
      hasher["children_of_utf8_N123_N456"],
    );
  });

  interface InclusionCase {
    file: string;
    leafIdx: number;
    treeSize: number;
    root: string;
    leafHash: string;
    proof: string[] | null;
    wantErr: boolean;
  }

  it("take or refuse these inclusion proofs", () => {
    const cases = vector<InclusionCase[]>("rfc6962/inclusion.json");
    expect(cases).toHaveLength(98);
    for (const { file, leafIdx, treeSize, root, leafHash, proof, wantErr } of cases) {
      const problem = verifyInclusion({
        leafHash: fromBase64(leafHash),
        index: leafIdx,
        size: treeSize,
        path: (proof ?? []).map(fromBase64),
        root: fromBase64(root),
      });
      expect(problem !== undefined, `${file}: ${problem}`).toBe(wantErr);
    }
  });

  interface ConsistencyCase {
    file: string;
    size1: number;
    size2: number;
    root1: string;
    root2: string;
    proof: string[] | null;
    wantErr: boolean;
  }

  it("take or refuse these consistency proofs", () => {
    const cases = vector<ConsistencyCase[]>("rfc6962/consistency.json");
    expect(cases).toHaveLength(98);
    for (const { file, size1, size2, root1, root2, proof, wantErr } of cases) {
      const problem = verifyConsistency({
        from: size1,
        to: size2,
        path: (proof ?? []).map(fromBase64),
        fromRoot: fromBase64(root1),
        toRoot: fromBase64(root2),
      });
      expect(problem !== undefined, `${file}: ${problem}`).toBe(wantErr);
    }
  });
});

describe.skipIf(vectorsAbsent)("the published vectors of signed notes", () => {
  interface GolangNotes {
    text: string;
    keys: Record<"peter" | "enoch", string>;
    signer_keys: { peter: string };
    signed_by_peter: string;
    signed_by_both: string;
    cases: { name: string; keys: ("peter" | "enoch")[]; note: string; expect: "valid" | "invalid" }[];
    bad_vkeys: string[];
    malformed_notes: { name: string; note: string }[];
  }
  const golang = () => vector<GolangNotes>("signed-note/golang-note.json");

  it("verify the example of the text", () => {
    const { vkey, note } = vector<{ vkey: string; note: string }>("signed-note/c2sp-example.json");
    expect(isSignedBy(parseNote(note), parseVkey(vkey))).toBe(true);
    expect(formatVkey(parseVkey(vkey))).toBe(vkey);
    expect(formatNote(parseNote(note))).toBe(note);
  });

  it("are opened or refused as Go does it", () => {
    const { cases, keys } = golang();
    expect(cases).toHaveLength(8);
    for (const { name, keys: known, note, expect: expected } of cases) {
      const opens = () => {
        try {
          return known.every((key) => isSignedBy(parseNote(note), parseVkey(keys[key])));
        } catch (error) {
          expect(error).toEqual(proofInvalid);
          return false;
        }
      };
      expect(opens(), name).toBe(expected === "valid");
    }
  });

  it("are refused when they are malformed", () => {
    for (const { name, note } of golang().malformed_notes) {
      expect(() => parseNote(note), name).toThrow(proofInvalid);
    }
  });

  it("are signed to the same bytes by the same keys", () => {
    const { text, keys, signer_keys, signed_by_peter, signed_by_both } = golang();
    const seedOf = (skey: string) => fromBase64(/^PRIVATE\+KEY\+\w+\+[0-9a-f]{8}\+(.+)$/.exec(skey)![1]!).subarray(1);
    const peter = ed25519NoteSignature(text, parseVkey(keys.peter), ed25519Key(seedOf(signer_keys.peter)));
    const enoch = ed25519NoteSignature(text, parseVkey(keys.enoch), ed25519Key(Buffer.alloc(32)));
    expect(formatNote({ body: text, signatures: [peter] })).toBe(signed_by_peter);
    expect(formatNote({ body: text, signatures: [peter, enoch] })).toBe(signed_by_both);
  });

  it("know no damaged key: no part of one, none with a byte raised by one", () => {
    const { keys, bad_vkeys } = golang();
    const bad = [...bad_vkeys];
    for (const vkey of Object.values(keys)) {
      expect(formatVkey(parseVkey(vkey))).toBe(vkey);
      for (let start = 0; start < vkey.length; start++) {
        for (let end = start; end <= vkey.length; end++)
          if (end - start < vkey.length) bad.push(vkey.slice(start, end));
        bad.push(vkey.slice(0, start) + String.fromCharCode(vkey.charCodeAt(start) + 1) + vkey.slice(start + 1));
      }
    }
    for (const vkey of bad) {
      expect(() => parseVkey(vkey), vkey).toThrow(expect.objectContaining({ code: "KEY_UNREADABLE" }));
    }
  });
});

describe.skipIf(vectorsAbsent)("the published vectors of checkpoints", () => {
  interface GolangTree {
    size: string;
    origin: string;
    root_is_leaf_hash_of_utf8: string;
    body: string;
    bad_bodies_for_that_origin: string[];
  }
  const golang = () => vector<GolangTree>("checkpoint/golang-tree.json");

  it("are read, and written to the same bytes, with a size beyond 32 bits", () => {
    const { origin, size, body, root_is_leaf_hash_of_utf8 } = golang();
    const checkpoint = { origin, size: Number(size), root: hashLeaf(Buffer.from(root_is_leaf_hash_of_utf8)) };
    expect(parseCheckpoint(body)).toEqual(checkpoint);
    expect(formatCheckpoint(checkpoint)).toBe(body);
  });

  it("are refused, or are of another log", () => {
    const { origin, bad_bodies_for_that_origin } = golang();
    const [another, ...malformed] = bad_bodies_for_that_origin;
    expect(parseCheckpoint(another!).origin).not.toBe(origin);
    expect(malformed).toHaveLength(2);
    for (const body of malformed) expect(() => parseCheckpoint(body), body).toThrow(proofInvalid);
  });

  it("are cosigned over these bytes", () => {
    const { checkpoint, signed_message_example } = vector<Record<string, string>>("cosignature/c2sp-example.json");
    const { body, signatures } = parseNote(checkpoint!);
    expect(parseCheckpoint(body)).toMatchObject({ origin: "example.com/behind-the-sofa", size: 20852163 });
    expect(signatures.map(({ name }) => name)).toEqual(["example.com/behind-the-sofa", "witness.example.com/w1"]);
    const time = Number(signatures[1]!.signature.readBigUInt64BE());
    expect(cosignedMessage(time, body).toString()).toBe(signed_message_example);
  });
});

describe.skipIf(vectorsAbsent)("the published logs", () => {
  it("of Tessera have these checkpoints, tiles, entries and paths at every size", async () => {
    const folder = "tlog-tiles/tessera-15";
    const { vkey, leaves_utf8_in_order } = vector<{ vkey: string; leaves_utf8_in_order: string[] }>(
      `${folder}/about.json`,
    );
    const leaves = leaves_utf8_in_order.map((leaf) => Buffer.from(leaf));
    const heads = [];
    for (let size = 0; size <= 15; size++) {
      const note = parseNote(vectorText(`${folder}/checkpoint.${size}`));
      expect(isSignedBy(note, parseVkey(vkey)), `checkpoint ${size}`).toBe(true);
      const head = parseCheckpoint(note.body);
      expect(head).toMatchObject({ origin: "example.com/log/testdata", size });
      heads.push(head);
      const nodes = tileNodes(size, async (path) => vectorBytes(`${folder}/${path}`));
      expect(await rootOf(size, nodes)).toEqual(head.root);
      const { files } = nextEnd(emptyLog, leaves.slice(0, size));
      expect(files.map(({ path }) => path)).toEqual(
        size === 0 ? [] : [entriesPath(0, size), tilePath({ level: 0, index: 0, width: size })],
      );
      for (const { path, bytes } of files) expect(bytes).toEqual(vectorBytes(`${folder}/${path}`));
      if (size > 0) {
        const bundle = vectorBytes(`${folder}/${entriesPath(0, size)}`);
        expect(decodeEntries(bundle)).toEqual(leaves.slice(0, size));
        expect(encodeEntries(leaves.slice(0, size))).toEqual(bundle);
        expect(Buffer.concat(leaves.slice(0, size).map(hashLeaf))).toEqual(
          vectorBytes(`${folder}/${tilePath({ level: 0, index: 0, width: size })}`),
        );
      }
      for (let index = 0; index < size; index++) {
        const path = await inclusionPath(index, size, nodes);
        const leafHash = hashLeaf(leaves[index]!);
        expect(verifyInclusion({ leafHash, index, size, path, root: head.root })).toBeUndefined();
      }
      for (const before of heads) {
        const path = await consistencyPath(before.size, size, nodes);
        const proof = { from: before.size, to: size, path, fromRoot: before.root, toRoot: head.root };
        expect(verifyConsistency(proof)).toBeUndefined();
      }
    }
  });

  it("of Sunlight has this root over full and partial tiles, and these cosignatures", async () => {
    const folder = "tlog-tiles/sunlight-mirror-300";
    const about = vector<Record<string, string>>(`${folder}/about.json`);
    const mirror = parseVkey(about["mirror_cosigner_vkey"]!);
    const witness = parseVkey(about["witness_cosigner_vkey"]!);
    const mirrored = parseNote(vectorText(`${folder}/checkpoint`));
    const { size, root } = parseCheckpoint(mirrored.body);
    expect(size).toBe(300);
    expect(
      await rootOf(
        size,
        tileNodes(size, async (path) => vectorBytes(`${folder}/${path}`)),
      ),
    ).toEqual(root);
    expect(edgeTiles(size).map(tilePath)).toEqual(["tile/0/001.p/44", "tile/1/000.p/1"]);
    expect(cosignatureTime(mirrored, mirror)).toBe(1767139200);
    expect(cosignatureTime(mirrored, witness)).toBeUndefined();
    // Next to a signature of a type that nothing here knows.
    const witnessed = parseNote(vectorText(`${folder}/witness-checkpoint`));
    expect(witnessed.signatures).toHaveLength(2);
    expect(cosignatureTime(witnessed, witness)).toBe(1767139200);
    expect(cosignatureTime(witnessed, mirror)).toBeUndefined();
    expect(cosignatureTime({ ...witnessed, body: mirrored.body }, witness)).toBeUndefined();
  });

  it("have the paths and tile counts that the text states", () => {
    interface SpecNumbers {
      index_path: { index: number; path: string }[];
      tree_size_70000: Record<string, number>;
      tree_size_256: Record<string, number>;
      tile_bytes_full: number;
    }
    const numbers = vector<SpecNumbers>("tlog-tiles/spec-numbers.json");
    for (const { index, path } of numbers.index_path) {
      expect(tilePath({ level: 3, index, width: 256 })).toBe(`tile/3/${path}`);
      expect(parseTilePath(`tile/3/${path}`)).toEqual({ kind: "tile", level: 3, index, width: 256 });
    }
    const counts = (size: number) => {
      const found: Record<string, number> = {};
      for (const { path } of nextEnd(emptyLog, countedLeaves(size)).files) {
        const tile = parseTilePath(path);
        if (tile?.kind !== "tile") continue;
        const { level, width } = tile;
        if (width < TILE_WIDTH) found[`partial_level${level}_width`] = width;
        else found[`full_level${level}`] = (found[`full_level${level}`] ?? 0) + 1;
      }
      return found;
    };
    expect(counts(70_000)).toEqual(numbers.tree_size_70000);
    expect(counts(256)).toEqual(numbers.tree_size_256);
    expect(TILE_WIDTH * EMPTY_ROOT.length).toBe(numbers.tile_bytes_full);
  });
});

describe.skipIf(vectorsAbsent)("the published vectors of offline proofs", () => {
  interface Proofs {
    marshal: {
      name: string;
      index: number;
      hashes: string[];
      extra_utf8?: string;
      checkpoint: string;
      text: string;
    }[];
    malformed: { name: string; text: string }[];
  }

  it("are written to these bytes, and read back", () => {
    const { marshal } = vector<Proofs>("tlog-proof/formats-vectors.json");
    expect(marshal).toHaveLength(3);
    for (const { name, index, hashes, extra_utf8, checkpoint, text } of marshal) {
      const proof: TlogProof = { index, path: hashes.map(fromBase64), checkpoint };
      if (extra_utf8 !== undefined) proof.extra = Buffer.from(extra_utf8);
      expect(formatTlogProof(proof), name).toBe(text);
      expect(parseTlogProof(text), name).toEqual(proof);
    }
  });

  it("are refused when they are malformed", () => {
    const { malformed } = vector<Proofs>("tlog-proof/formats-vectors.json");
    expect(malformed).toHaveLength(7);
    for (const { name, text } of malformed) expect(() => parseTlogProof(text), name).toThrow(proofInvalid);
  });
});

describe.skipIf(vectorsAbsent)("the published vectors of witness policies", () => {
  interface Policies {
    good: { policy: string; top_level_threshold: number }[];
    bad: { name: string; policy: string }[];
  }
  const published = () => vector<Policies>("tlog-policy/formats-vectors.json");
  const readable = (policy: string) => {
    const { witnesses, groups, quorum } = parseWitnessPolicy(policy);
    const threshold = groups.find(({ name }) => name === quorum)!.threshold;
    return { witnesses: witnesses.map(({ name }) => name), threshold };
  };

  // Go takes a key for two witnesses, which then count as two; the text of the format forbids it.
  const withoutTwin = (policy: string) => policy.replace(/^\s*witness w3 .*\n/m, "").replace(/ w3\b/, "");

  it("are read, where they keep to the text of the format", () => {
    const [first] = published().good;
    // This entry is a stretch of Go source: three policies in backquotes, with code between them.
    const [plain, , commented, , twoOfFour] = first!.policy.split("`");
    expect(readable(plain!)).toEqual({ witnesses: ["w1", "w2"], threshold: 2 });
    const { witnesses, groups, quorum } = parseWitnessPolicy(plain!);
    expect(witnesses.map(({ url }) => url)).toEqual(["https://sigsum.org/witness/", "https://example.com/witness/"]);
    expect(groups).toEqual([{ name: "g1", threshold: 2, members: ["w1", "w2"] }]);
    expect(quorum).toBe("g1");
    // Go takes a comment after a line's words, the text of the format only on lines of their own.
    expect(() => parseWitnessPolicy(commented!)).toThrow(policyInvalid("line 4: a witness has a name, a key"));
    expect(readable(commented!.replaceAll(/(?<=\/) +#comment/g, ""))).toEqual({
      witnesses: ["w1", "w2"],
      threshold: 2,
    });
    expect(() => parseWitnessPolicy(twoOfFour!)).toThrow(policyInvalid("line 4: this witness's key is there already"));
    expect(readable(withoutTwin(twoOfFour!))).toEqual({ witnesses: ["w1", "w2", "w4"], threshold: 2 });
  });

  it("are refused, where a witness is there under two names", () => {
    const [, ...others] = published().good;
    expect(others).toHaveLength(2);
    for (const { policy, top_level_threshold } of others) {
      expect(() => parseWitnessPolicy(policy)).toThrow(policyInvalid("line 4: this witness's key is there already"));
      const { threshold } = readable(withoutTwin(policy));
      expect(threshold).toBe(policy.includes(" all ") ? top_level_threshold - 1 : top_level_threshold);
    }
  });

  it("are refused when they are bad", () => {
    const reasons = published().bad.map(({ policy }) => {
      try {
        return readable(policy);
      } catch (error) {
        expect(error).toEqual(policyInvalid("this is not a witness policy: "));
        return (error as Error).message.slice("this is not a witness policy: ".length);
      }
    });
    expect(reasons).toEqual([
      "it has no quorum line",
      "line 1: unknown is no witness or group of the lines before",
      "line 2: the name w1 is there already",
      // Its third witness is the second one again, which is found before its count of -1.
      "line 3: this witness's key is there already",
      "line 1: all cannot be a name",
      "line 1: none cannot be a name",
    ]);
    const negative = published().bad.find(({ name }) => name === "negative threshold")!;
    expect(() => parseWitnessPolicy(withoutTwin(negative.policy))).toThrow(
      policyInvalid("line 3: the count of a group"),
    );
  });
});

describe.skipIf(vectorsAbsent)("the published numbers of RFC 8785", () => {
  interface Numbers {
    samples: { ieee_hex: string; expected: string }[];
    sequence: {
      static_u64_hex: string[];
      then_serial: { start_hex: string };
      sha256_of_first_lines: { lines: number; bytes: number; sha256: string }[];
    };
  }
  const double = (bits: bigint) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(bits);
    return bytes.readDoubleBE();
  };

  it("are written like this", () => {
    const { samples } = vector<Numbers>("jcs/es6-numbers.json");
    expect(samples).toHaveLength(7);
    for (const { ieee_hex, expected } of samples) expect(canonicalJson(double(BigInt(`0x${ieee_hex}`)))).toBe(expected);
  });

  it("give the published digest over the first thousand", () => {
    const { static_u64_hex, then_serial, sha256_of_first_lines } = vector<Numbers>("jcs/es6-numbers.json").sequence;
    const [first] = sha256_of_first_lines;
    const fixed = static_u64_hex.map((hex) => BigInt(`0x${hex}`));
    const start = BigInt(`0x${then_serial.start_hex}`);
    const serial = Array.from({ length: first!.lines - fixed.length }, (_, index) => start + BigInt(index));
    const lines = [...fixed, ...serial].map((bits) => `${bits.toString(16)},${canonicalJson(double(bits))}\n`).join("");
    expect(lines).toHaveLength(first!.bytes);
    expect(createHash("sha256").update(lines).digest("hex")).toBe(first!.sha256);
  });
});
