import { describe, expect, it } from "vitest";
import type { ProofSink } from "../../src/ports/proof-sink.ts";

const first = "2026/12/31/01890a5d-ac96-774b-bcce-b302099a8057.sigstore.json";
const second = "2027/01/01/01890a5d-ac96-774b-bcce-b302099a8058.sigstore.json";

/** What every place for proof files promises. `makeSink` gives an empty one. */
export function proofSinkContract(name: string, makeSink: () => ProofSink): void {
  describe(`a proof sink: ${name}`, () => {
    it("gives back what was written, byte for byte", async () => {
      const sink = makeSink();
      const text = '{"a":"ä€😀"}\n';
      await sink.write([
        { name: first, text },
        { name: second, text: "two\n" },
      ]);
      expect(await sink.read(first)).toBe(text);
      expect(await sink.read(second)).toBe("two\n");
    });

    it("knows which proofs have no file", async () => {
      const sink = makeSink();
      expect(await sink.missing([first, second])).toEqual([first, second]);
      await sink.write([{ name: first, text: "one" }]);
      expect(await sink.missing([first, second])).toEqual([second]);
      expect(await sink.read(second)).toBeUndefined();
      expect(await sink.missing([])).toEqual([]);
    });

    it("makes files durable when asked to, and passes over what is not there", async () => {
      const sink = makeSink();
      await sink.write([{ name: first, text: "one" }]);
      await sink.sync([first, second]);
      await sink.sync([]);
      expect(await sink.read(first)).toBe("one");
    });

    it("takes an equal file again and replaces another one", async () => {
      const sink = makeSink();
      await sink.write([{ name: first, text: "one" }]);
      await sink.write([{ name: first, text: "one" }]);
      expect(await sink.read(first)).toBe("one");
      await sink.write([{ name: first, text: "other" }]);
      expect(await sink.read(first)).toBe("other");
    });

    it("puts what is said to be new in its place, also where a crash has left one already", async () => {
      const sink = makeSink();
      for (const text of ["one", "one", "other"]) {
        await sink.write([{ name: first, text }], { areNew: true });
        expect(await sink.read(first)).toBe(text);
      }
    });

    it("takes an empty batch and a large one", async () => {
      const sink = makeSink();
      await sink.write([]);
      const many = Array.from({ length: 300 }, (_, index) => ({
        name: `2027/01/${index % 28}/run-${index}.sigstore.json`,
        text: `text ${index}`,
      }));
      await sink.write(many);
      expect(await sink.missing(many.map((file) => file.name))).toEqual([]);
      expect(await sink.read(many[299]!.name)).toBe("text 299");
    });
  });
}
