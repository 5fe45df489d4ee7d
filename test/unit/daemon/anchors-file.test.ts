import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type AnchorsFile, readAnchorsFile } from "../../../src/daemon/anchors-file.ts";
import { anchorKeysOf, commonAnchorKeys } from "../../../src/daemon/anchor-keys.ts";
import { anchorKinds } from "../../../src/domain/anchor.ts";
import { CascadeError } from "../../../src/kernel/errors.ts";
import { formatVkey, noteKeyTypes } from "../../../src/proofs/tlog/note.ts";
import { testNoteKey } from "../../support/note-keys.ts";
import { tempFolder } from "../../support/temp-folder.ts";
import { timeAuthority } from "../../support/time-authority.ts";

const log = formatVkey(testNoteKey("rekor.test", noteKeyTypes.ed25519, 1).key);
const witness = formatVkey(testNoteKey("witness.test", noteKeyTypes.cosignature, 2).key);
const docs = readFileSync(join(import.meta.dirname, "../../../docs/anchors.md"), "utf8");

function read(toml: string, purpose: AnchorsFile["purpose"] = "show", folder = tempFolder()) {
  const path = join(folder, "anchors.toml");
  writeFileSync(path, toml);
  return readAnchorsFile({ path, home: folder, purpose });
}

function problemsOf(toml: string): string[] {
  try {
    read(toml);
    return [];
  } catch (error) {
    if (!(error instanceof CascadeError)) throw error;
    return error.problems.map(
      ({ place, message, hint }) => `${place.replace(/^.*anchors\.toml/, "")}: ${message}: ${hint}`,
    );
  }
}

describe("the file of anchors", () => {
  it("that the documentation shows is a valid one, with the defaults that it tells", async () => {
    const folder = tempFolder();
    const { ca } = await timeAuthority();
    writeFileSync(join(folder, "tsa-root.pem"), ca);
    writeFileSync(join(folder, "witness-policy.txt"), `witness w ${witness} https://w.test/\nquorum w\n`);
    writeFileSync(join(folder, "evm.key"), "11".repeat(32), { mode: 0o600 });
    const example = /```toml\n([^]*?)```/.exec(docs)![1]!.replace(/^log = .*$/m, `log = "${log}"`);
    const plans = read(example, "show", folder);
    expect(plans.map(({ kind }) => kind)).toEqual(["tsa", "witness", "rekor", "evm", "exec"]);
    const [tsa, , rekor, evm] = plans;
    expect(tsa).toMatchObject({ everyMs: 600_000, timeoutMs: 30_000 });
    expect(rekor).toMatchObject({ everyMs: 3_600_000, timeoutMs: 30_000 });
    expect(evm).toMatchObject({ confirmations: 12, pollMs: 15_000, keyFile: join(folder, "evm.key") });
  });

  it("has every key of every kind in its documentation, and no other", () => {
    const rows = [...docs.matchAll(/^\| `(\w+)`\s*\| (\w+|all)\s*\|/gm)].map(([, key, kind]) => `${kind} ${key}`);
    const own = anchorKinds.flatMap((kind) => Object.keys(anchorKeysOf[kind]).map((key) => `${kind} ${key}`));
    const common = ["kind", ...Object.keys(commonAnchorKeys("tsa"))].map((key) => `all ${key}`);
    expect(rows.sort()).toEqual([...common, ...own].sort());
  });

  it("names every mistake with its place and the way out", () => {
    expect(problemsOf('[[anchor]]\nname = "a"\nkind = "rekr"\n')).toEqual([
      ': anchor a: its kind is not one of exec, tsa, witness, rekor, evm: Write for example kind = "tsa".',
    ]);
    expect(
      problemsOf(`[[anchor]]\nname = "a"\nkind = "rekor"\nurll = "https://r.test"\nlog = "${log}"\nevery = "soon"\n`),
    ).toEqual([
      ": anchor a: urll: there is no such key: Did you mean url?",
      ': anchor a: every: it is not a duration: Write a duration such as "30s" or "1h30m".',
      ": anchor a: url: it is missing: Write an address.",
    ]);
    expect(problemsOf(`[[anchor]]\nname = "a"\nkind = "rekor"\nurl = "https://r.test"\nlog = "x"\n`)[0]).toMatch(
      /anchor a: the note key cannot be used/,
    );
    expect(problemsOf('[[anchor]]\nname = "A b"\nkind = "exec"\ncommand = "stamp"\n').join("\n")).toMatch(
      /name: it is not a name[^]*command: it is not a command/,
    );
    const exec = (name: string) => `[[anchor]]\nname = "${name}"\nkind = "exec"\ncommand = ["true"]\n`;
    expect(problemsOf(exec("a") + exec("b") + exec("a"))).toEqual([
      ": anchor a: there are two of this name: Rename one.",
    ]);
    expect(problemsOf("[anchors]\n")).toEqual([
      ": anchors: it is no table of this file: Write each anchor as a table [[anchor]].",
    ]);
    expect(problemsOf("[[anchor\n")[0]).toMatch(/not TOML/);
  });

  it("refuses a key file that others may read, and needs none of who only checks", () => {
    const folder = tempFolder();
    writeFileSync(join(folder, "evm.key"), "11".repeat(32), { mode: 0o644 });
    const evm = '[[anchor]]\nname = "a"\nkind = "evm"\nrpc = "http://127.0.0.1:1"\nchain_id = 1\n';
    expect(() => read(`${evm}key = "evm.key"\n`, "show", folder)).toThrow(/others may read/);
    expect(() => read(evm, "show", folder)).toThrow(/key: it is missing/);
    expect(read(evm, "check", folder)).toMatchObject([{ kind: "evm", chainId: 1 }]);
  });

  it("that cannot be read is said so", () => {
    expect(() => readAnchorsFile({ path: "/no/such/file", home: "/", purpose: "show" })).toThrow(
      /cannot read \/no\/such\/file/,
    );
  });
});
