import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { visibleLine } from "../../kernel/visible-text.ts";
import type { PackageVerification } from "../../daemon/package-signing.ts";
import type { SignerChoice } from "../../daemon/signers.ts";
import { exitCodes } from "../../kernel/error-catalogue.ts";
import { CascadeError, errorView } from "../../kernel/errors.ts";
import { type CliContext, type JsonOption, repeated, shared } from "../context.ts";
import { printJson } from "../format.ts";
import type { Io } from "../io.ts";
import { paletteFor } from "../palette.ts";
import { printFields } from "../table.ts";

/** Options that name who signs, beside a key. */
export const signerOptions = {
  signer: () => new Option("--signer <signer>", "who signs instead: exec:COMMAND, ssh-agent or ssh-agent:KEY"),
  publicKey: () => new Option("--public-key <file>", "the public key of an exec signer"),
};

interface VerifyOptions extends JsonOption {
  trust?: string;
  key?: readonly string[];
  folder?: string;
}

/** `package sign` and `package verify`: what authors and whoever gets their packages do without a daemon. */
export function addPackageSigningCommands(group: Command, { io, end }: CliContext): void {
  group
    .command("sign")
    .description("add a signature to a .cascade file; its digest and the signatures of others stay")
    .argument("<file>", "a .cascade file")
    .option("--key <key>", "name of a key that `cascade key list` shows, or the file of a private key")
    .addOption(signerOptions.signer())
    .addOption(signerOptions.publicKey())
    .addOption(shared.json())
    .action(async (file: string, { json, ...choice }: SignerChoice & JsonOption) => {
      const [{ chooseSigner }, { signPackageFile }] = await Promise.all([
        import("../../daemon/signers.ts"),
        import("../../daemon/package-signing.ts"),
      ]);
      const signer = await chooseSigner(choice, io);
      const path = resolve(io.workingDir, file);
      const signed = await signPackageFile(path, signer, io.clock.now());
      const { added, signers } = signed;
      if (json) return printJson(io, { path, ...signed.package, keyId: signer.keyId, added, signers });
      printFields(io, [
        ["path", path],
        ["package", `${signed.package.name} ${signed.package.version}`],
        ["digest", signed.package.digest],
        ["signed by", `${signer.keyId}${added ? "" : " (already)"}`],
        ["signatures", signers.length],
      ]);
    });

  group
    .command("verify")
    .description("check the signatures of a .cascade file as a daemon would")
    .argument("<file>", "a .cascade file")
    .option("--trust <file>", "a trust policy")
    .option("--folder <folder>", "the watched folder whose rule counts (default: the file's own)")
    .option(
      "--key <file>",
      "a key to trust: a public key's file, or a name that `cascade key list` shows; may be repeated",
      repeated,
    )
    .addOption(shared.json())
    .action(async (file: string, { json, ...options }: VerifyOptions) => {
      const verification = await verify(io, file, options);
      const { verdict, signatures } = verification;
      if (!verdict.admitted) end(exitCodes.runFailed);
      if (json) return printJson(io, viewOf(verification));
      const palette = paletteFor(io, io.outIsTerminal);
      for (const { keyId, name, verdict: found, problem } of signatures) {
        const state = palette.state(found === "good" ? "passed" : found === "bad" ? "failed" : "unknown");
        const whose = name === null ? "" : `  ${name}`;
        io.out(`${state}  ${keyId}${visibleLine(whose)}${problem === "" ? "" : `  ${visibleLine(problem)}`}\n`);
      }
      const what = `${verification.package.name} ${verification.package.version}`;
      if (verdict.admitted) {
        for (const warning of verdict.warnings) io.err(`${visibleLine(warning)}\n`);
        io.out(`${palette.state("valid")}: ${what}, ${verdict.signers.length} trusted signatures\n`);
      } else io.out(`${palette.state("refused")}: ${what}: ${verdict.code}: ${visibleLine(verdict.message)}\n`);
    });
}

async function verify(io: Io, file: string, { trust, key = [], folder }: VerifyOptions): Promise<PackageVerification> {
  const [{ policyOfKeys, verifyPackageFile }, { loadTrust }, { readText }, { publicKeyFile }] = await Promise.all([
    import("../../daemon/package-signing.ts"),
    import("../../daemon/trust-file.ts"),
    import("../../daemon/signers.ts"),
    import("../../daemon/key-care.ts"),
  ]);
  const at = (path: string) => resolve(io.workingDir, path);
  if ((trust === undefined) === (key.length === 0)) {
    throw new CascadeError("KEY_MISSING", "name what to trust: --key, once or more, or --trust with a policy");
  }
  const { home, uid } = io;
  const policy =
    trust === undefined
      ? policyOfKeys(key.map((named) => ({ name: named, pem: readText(publicKeyFile(named, io)) })))
      : loadTrust({ path: at(trust), required: true, watch: [], uid, home })!;
  const options = { policy, folder: folder === undefined ? undefined : at(folder), now: io.clock.now() };
  return verifyPackageFile(at(file), options);
}

function viewOf({ package: identity, signatures, verdict }: PackageVerification) {
  return {
    ...identity,
    admitted: verdict.admitted,
    signers: verdict.admitted ? verdict.signers : [],
    warnings: verdict.admitted ? verdict.warnings : [],
    error: verdict.admitted ? null : errorView(new CascadeError(verdict.code, verdict.message)),
    signatures,
  };
}
