import { type Command, Option } from "commander";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { printJson } from "../format.ts";
import { printFields, printTable } from "../table.ts";

interface PlaceOption {
  dir?: string;
}
interface ProofOption extends PlaceOption, DataOption {
  proof?: true;
}

export function addKeyCommands(program: Command, { io }: CliContext): void {
  const group = program.command("key").description("keys that sign packages and proofs");
  const dir = () => new Option("--dir <folder>", "the folder of the keys (default: keys in the user's configuration)");
  const proof = () => new Option("--proof", "the daemon's proof key instead, in its data folder");
  const care = () => import("../../daemon/key-care.ts");

  group
    .command("new")
    .description("make a key that signs packages")
    .argument("<name>", "what to call it")
    .option("--ed25519", "Ed25519 instead of P-256")
    .option("--out <folder>", "where to write it (default: keys in the user's configuration)")
    .addOption(shared.json())
    .action(async (name: string, { ed25519, out, json }: JsonOption & { ed25519?: true; out?: string }) => {
      const { makeKey } = await care();
      const made = makeKey(name, ed25519 ? "Ed25519" : "P-256", { dir: out }, io);
      const { keyId, algorithm, path } = made;
      if (json) return printJson(io, { name, keyId, algorithm, publicKey: path });
      printFields(io, [
        ["name", name],
        ["key", keyId],
        ["algorithm", algorithm],
        ["public", path],
      ]);
      io.err(`Hand out ${path}; the private key beside it stays with you.\n`);
    });

  group
    .command("list")
    .description("list the keys of a folder")
    .addOption(dir())
    .addOption(proof())
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...place }: ProofOption & JsonOption) => {
      const { listKeys } = await care();
      const { folder, keys } = listKeys(place, io);
      const rows = keys.map(({ name, keyId, algorithm, path, hasPrivate }) => {
        return { name, keyId, algorithm, publicKey: path, private: hasPrivate };
      });
      if (json) return printJson(io, rows);
      printTable(
        io,
        rows,
        [
          { heading: "NAME", cell: (row) => row.name },
          { heading: "ALGORITHM", cell: (row) => row.algorithm },
          { heading: "SIGNS", cell: (row) => (row.private ? "yes" : "no") },
          { heading: "KEY", cell: (row) => row.keyId },
        ],
        `No keys in ${folder}. Make one with \`cascade key new NAME\`.`,
      );
    });

  group
    .command("rotate")
    .description("put a new key in the place of one, with a statement that both sign")
    .argument("[name]", "name of the key")
    .addOption(dir())
    .addOption(proof())
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (name: string | undefined, { json, ...place }: ProofOption & JsonOption) => {
      const { rotateKey } = await care();
      const { former, next, statements, formerPath } = await rotateKey(name, place, { ...io, now: io.clock.now() });
      if (json) return printJson(io, { former: former.keyId, keyId: next.keyId, statements });
      printFields(io, [
        ["former", former.keyId],
        ["key", next.keyId],
        ...statements.map((path): [string, string] => ["statement", path]),
      ]);
      io.err(`The former private key is kept as ${formerPath}: delete it when nothing needs it.\n`);
      if (place.proof) io.err("The daemon signs with the new key from its next start on.\n");
      else io.err("Add the new public key to trust.toml where the former one is trusted.\n");
    });

  group
    .command("revoke")
    .description("let a trust policy refuse whatever a key has signed")
    .argument("<key>", "its name in the policy, its id, or the file of the public key")
    .option("--trust <file>", "the policy (default: that of the daemon's configuration)")
    .option("--config <file>", "the configuration file")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (key: string, options: DataOption & JsonOption & { trust?: string; config?: string }) => {
      const { json, ...place } = options;
      const { revoke } = await care();
      const { keyId, file, added } = revoke(key, place, io);
      if (json) return printJson(io, { keyId, file, added });
      io.out(added ? `revoked ${keyId} in ${file}\n` : `${keyId} is revoked in ${file} already\n`);
      if (added) io.err("It holds from the next `cascade reload` on.\n");
    });
}
