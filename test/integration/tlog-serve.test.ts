import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { rootOf } from "../../src/proofs/tlog/merkle.ts";
import { readSignedCheckpoint } from "../../src/proofs/tlog/signed-checkpoint.ts";
import { tileNodes } from "../../src/proofs/tlog/tiles.ts";
import { testTerminal } from "../support/cli-io.ts";
import { eventually } from "../support/eventually.ts";
import { growingLog } from "../support/growing-log.ts";
import { tempFolder } from "../support/temp-folder.ts";

async function folderWithLog() {
  const data = tempFolder();
  const log = growingLog();
  await log.grow(200);
  await log.grow(400);
  for (const [path, bytes] of log.files.files) {
    mkdirSync(dirname(join(data, "tlog", path)), { recursive: true });
    writeFileSync(join(data, "tlog", path), bytes);
  }
  mkdirSync(join(data, "keys"));
  writeFileSync(join(data, "keys/secret"), "secret");
  return { data, log };
}

/** Serves while the action runs. */
async function serving(data: string, action: (address: string) => Promise<void>): Promise<void> {
  let address = "";
  const terminal = testTerminal(data);
  const ended = terminal.run("tlog", "serve", "--data", data, "--listen", "127.0.0.1:0");
  try {
    address = await eventually(() => terminal.out().trim() || false);
    await action(address);
  } finally {
    terminal.interrupt();
  }
  expect(await ended).toEqual({ code: 0, out: `${address}\n`, err: "" });
}

/** As it is written: `fetch` would resolve the dots. */
const statusOf = (address: string, path: string, method = "GET") =>
  new Promise<number>((resolve, reject) => {
    request(address, { path, method }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    })
      .once("error", reject)
      .end();
  });

describe("cascade tlog serve", () => {
  it.each(["", "/api/v2"])("gives the log below %j, so that its root can be computed", async (prefix) => {
    const { data, log } = await folderWithLog();
    await serving(data, async (address) => {
      const get = async (path: string) => {
        const response = await fetch(`${address}${prefix}/${path}`);
        return response.ok ? Buffer.from(await response.arrayBuffer()) : undefined;
      };
      const head = readSignedCheckpoint((await get("checkpoint"))!.toString("utf8"), log.key)!;
      expect(head.size).toBe(600);
      expect(await rootOf(600, tileNodes(600, get))).toEqual(head.root);
      expect((await get("tile/entries/000"))?.length).toBeGreaterThan(256 * 2);
    });
  });

  it("gives nothing else, and takes nothing", async () => {
    const { data } = await folderWithLog();
    await serving(data, async (address) => {
      for (const path of [
        "/",
        "/.state/last-signed",
        "/../keys/secret",
        "/tile/../../keys/secret",
        "/api/v2/../../keys/secret",
        "/tile/0/999",
        "/tile/0/000.p/0",
        "/checkpoint/",
        "/%63heckpoint",
      ]) {
        expect([path, await statusOf(address, path)]).toEqual([path, 404]);
      }
      expect(await statusOf(address, "/api/v2/log/entries", "POST")).toBe(405);
      expect(await statusOf(address, "/checkpoint", "HEAD")).toBe(200);
    });
  });

  it("says when there is no log, no such address, or someone else listens there", async () => {
    const { data } = await folderWithLog();
    const terminal = testTerminal(data);
    expect(await terminal.run("tlog", "serve", "--data", join(data, "none"))).toMatchObject({ code: 65 });
    expect(await terminal.run("tlog", "serve", "--data", data, "--listen", "8780")).toMatchObject({ code: 64 });
    await serving(data, async (address) => {
      const listen = address.replace("http://", "");
      expect(await terminal.run("tlog", "serve", "--data", data, "--listen", listen)).toMatchObject({ code: 73 });
    });
  });
});
