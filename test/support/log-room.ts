import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import type { JsonObject } from "../../src/kernel/json.ts";
import { builtProgram } from "./built-program.ts";
import type { DaemonProcess } from "./daemon-process.ts";
import { eventually } from "./eventually.ts";
import { lifeRoom } from "./life-room.ts";

/** A life whose memory of the log's heads lies outside of its data folder, as it does for a user and under systemd. */
export function logRoom(packages: readonly string[], toml = "") {
  const room = lifeRoom(packages, toml);
  const cache = mkdtempSync(join(tmpdir(), "cascade-cache-"));
  onTestFinished(() => rmSync(cache, { recursive: true, force: true }));
  const environment = { XDG_CACHE_HOME: cache };
  return {
    ...room,
    cache,
    start: (more: Readonly<Record<string, string>> = {}) => room.start({ ...environment, ...more }),
    cascade(...argv: readonly string[]) {
      const env = { PATH: process.env["PATH"], HOME: dirname(room.config), CASCADE_DATA: room.data };
      const { status, stdout, stderr } = spawnSync(process.execPath, [builtProgram(), ...argv], {
        encoding: "utf8",
        env,
      });
      return { status, out: stdout, err: stderr };
    },
    /** Runs to the end and, while the log goes on, to its file. */
    async prove(
      daemon: DaemonProcess,
      state: "written" | "due" = "written",
      { workflow = "quick", params = {} }: { workflow?: string; params?: JsonObject } = {},
    ): Promise<string> {
      const { id } = await daemon.client.startRun({ workflow, params });
      await room.end(daemon, id);
      await eventually(async () => (await daemon.client.proof(id)).state === state);
      return id;
    },
    /** Copies the data folder of a daemon that has stopped; what it gives puts the copy in the folder's place. */
    backUp(): () => void {
      const copy = join(dirname(room.config), "copy");
      cpSync(room.data, copy, { recursive: true });
      return () => {
        for (const name of readdirSync(room.data)) rmSync(join(room.data, name), { recursive: true });
        cpSync(copy, room.data, { recursive: true });
      };
    },
    /** The proof file of a run. */
    fileOf(run: string): string {
      const proofs = join(room.data, "proofs");
      const names = readdirSync(proofs, { recursive: true, encoding: "utf8" });
      return join(
        proofs,
        names.find((name) => name.includes(run))!,
      );
    },
  };
}
