import { execFileSync } from "node:child_process";

/** Makes a P-256 key with the openssl program: the private one and the public one as files. */
export function makeOpensslKey(key: string, publicKey: string): void {
  execFileSync("openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key]);
  execFileSync("openssl", ["ec", "-in", key, "-pubout", "-out", publicKey], { stdio: "ignore" });
}

/** The table of `cascade.toml` that has the openssl program sign proofs, once what `when` says holds. */
export function opensslSigner(key: string, publicKey: string, when = "true"): string {
  const command = `exec:${when} && openssl dgst -sha256 -sign ${key} | openssl base64`;
  return `\n[proof]\nsigner = ${JSON.stringify(command)}\npublic_key = ${JSON.stringify(publicKey)}\n`;
}
