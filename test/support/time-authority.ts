import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DoubleAnswer, type DoubleRequest, httpDouble } from "./http-double.ts";
import { tempFolder } from "./temp-folder.ts";

export interface TimeAuthority {
  url: string;
  /** PEM of the root certificate, and the file that holds it. */
  ca: string;
  caFile: string;
  requests: DoubleRequest[];
  /** Changes an answer, or keeps it back. */
  spoil: (answer: DoubleAnswer) => DoubleAnswer | "never";
  /** What `openssl ts -verify` says of an answer over some data. */
  openssl(answer: Uint8Array, data: string): string;
}

const CONFIG = (folder: string) => `
[tsa]
default_tsa = tsa_config
[tsa_config]
dir = ${folder}
serial = ${folder}/serial
crypto_device = builtin
signer_cert = ${folder}/tsa.pem
certs = ${folder}/ca.pem
signer_key = ${folder}/tsa.key
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = sha256
accuracy = secs:1
ordering = no
tsa_name = no
ess_cert_id_chain = no
`;

/** A time-stamping authority of OpenSSL with a root of its own, on the loopback. */
export async function timeAuthority(kind: "rsa" | "ec" = "ec"): Promise<TimeAuthority> {
  const folder = tempFolder();
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync("openssl", args, { cwd: folder, stdio: "pipe", timeout: 20_000 });
  const newKey = kind === "rsa" ? ["rsa:2048"] : ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
  writeFileSync(file("serial"), "01\n");
  writeFileSync(file("tsa.cnf"), CONFIG(folder));
  writeFileSync(file("ext.cnf"), "extendedKeyUsage = critical, timeStamping\n");
  openssl(
    "req",
    "-x509",
    "-newkey",
    ...newKey,
    "-nodes",
    "-keyout",
    "ca.key",
    "-out",
    "ca.pem",
    "-days",
    "3",
    "-subj",
    "/CN=Test Root",
  );
  openssl(
    "req",
    "-newkey",
    ...newKey,
    "-nodes",
    "-keyout",
    "tsa.key",
    "-out",
    "tsa.csr",
    "-subj",
    "/CN=Test Authority",
  );
  openssl(
    "x509",
    "-req",
    "-in",
    "tsa.csr",
    "-CA",
    "ca.pem",
    "-CAkey",
    "ca.key",
    "-set_serial",
    "7",
    "-days",
    "2",
    "-extfile",
    "ext.cnf",
    "-out",
    "tsa.pem",
  );

  function reply({ body, headers }: DoubleRequest): DoubleAnswer {
    if (headers["content-type"] !== "application/timestamp-query") return { status: 415 };
    writeFileSync(file("query.tsq"), body);
    openssl("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq", "-out", "reply.tsr");
    return { headers: { "content-type": "application/timestamp-reply" }, body: readFileSync(file("reply.tsr")) };
  }

  const { url, requests } = await httpDouble((request) => authority.spoil(reply(request)));
  const authority: TimeAuthority = {
    url,
    requests,
    ca: readFileSync(file("ca.pem"), "utf8"),
    caFile: file("ca.pem"),
    spoil: (answer) => answer,
    openssl(answer, data) {
      writeFileSync(file("judged.tsr"), answer);
      writeFileSync(file("judged.data"), data);
      const args = ["ts", "-verify", "-in", "judged.tsr", "-data", "judged.data", "-CAfile", "ca.pem"];
      return spawnSync("openssl", args, { cwd: folder, encoding: "utf8", timeout: 20_000 }).stdout.trim();
    },
  };
  return authority;
}
