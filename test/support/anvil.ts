import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer, type AddressInfo } from "node:net";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.ts";
import type { Parsed } from "./parsed.ts";
import { tempFolder } from "./temp-folder.ts";

/** The first account of every anvil: its key is known to everyone. */
const KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

export interface Anvil {
  url: string;
  /** A file with the account's private key. */
  keyFile: string;
  rpc(method: string, ...params: readonly unknown[]): Promise<Parsed>;
}

/** Foundry's local chain, as its npm package brings it, on the loopback; ends with the test. Undefined where there is none. */
export function anvilProgram(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve("@foundry-rs/anvil-linux-amd64/bin/anvil");
  } catch {
    return undefined;
  }
}

export async function startAnvil(program: string, ...options: readonly string[]): Promise<Anvil> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const args = ["--host", "127.0.0.1", "--port", String(port), "--silent", "--accounts", "1", ...options];
  const child = spawn(program, args, { stdio: "ignore" });
  onTestFinished(async () => {
    const ended = new Promise((resolve) => child.once("exit", resolve));
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await ended;
    }
  });
  const keyFile = join(tempFolder(), "evm.key");
  writeFileSync(keyFile, `${KEY}\n`, { mode: 0o600 });
  let id = 0;
  const rpc: Anvil["rpc"] = async (method, ...params) => {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ jsonrpc: "2.0", id: ++id, method, params }),
    });
    const { result, error } = (await response.json()) as { result: unknown; error?: { message: string } };
    if (error) throw new Error(`${method}: ${error.message}`);
    return result;
  };
  await eventually(() => rpc("eth_chainId"), { timeoutMs: 20_000, what: "anvil answers" });
  return { url, keyFile, rpc };
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
