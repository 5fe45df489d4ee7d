import { Socket } from "node:net";
import { GUARD_DESCRIPTOR } from "../protocol.ts";
import { createClaims } from "./claims.ts";
import { writeAll } from "./write-all.ts";

/**
 * Runs in a thread of its own, where a task that blocks the main thread cannot stop it: ends the process group when the
 * daemon is gone, and answers which attempts can be given back.
 */
export function guard(memory: SharedArrayBuffer): void {
  const claims = createClaims(memory);
  const socket = new Socket({ fd: GUARD_DESCRIPTOR });
  let open = "";
  socket.on("data", (chunk) => {
    const lines = (open + chunk.toString("latin1")).split("\n");
    open = lines.pop() ?? "";
    let answer = "";
    for (const line of lines) answer += `${line} ${claims.revoke(Number(line)) ? 1 : 0}\n`;
    if (answer !== "") writeAll(GUARD_DESCRIPTOR, answer);
  });
  socket.on("error", endGroup);
  socket.on("close", endGroup);
}

/** The task process leads its group, so 0 means everything that tasks have started and that did not leave the group. */
export function endGroup(): void {
  process.kill(0, "SIGKILL");
}
