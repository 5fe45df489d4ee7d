import { join } from "node:path";
import { onTestFinished } from "vitest";
import type { Application } from "../../src/app/application.ts";
import { type Client, createClient } from "../../src/client/client.ts";
import { createApi } from "../../src/http/api.ts";
import { createSocketServer } from "../../src/http/serve-socket.ts";
import { silentLogger } from "../../src/kernel/logger.ts";
import type { Service } from "../../src/kernel/service.ts";
import { realClock } from "./real-clock.ts";
import { tempFolder } from "./temp-folder.ts";

/** Runs an action under a umask, as the daemon does. */
function withUmask<Result>(mask: number, action: () => Result): Result {
  const before = process.umask(mask);
  try {
    return action();
  } finally {
    process.umask(before);
  }
}

/** An application on a real socket, and a client of it. Both go with the test. */
export async function servedSocket(
  application: Application,
  path = join(tempFolder(), "run", "cascade.sock"),
): Promise<{ path: string; client: Client; server: Service }> {
  const server = createSocketServer({
    api: createApi(application, { clock: realClock, logger: silentLogger }),
    path,
    withUmask,
    clock: realClock,
  });
  await server.start();
  const client = createClient(path);
  onTestFinished(async () => {
    client.close();
    await server.stop();
  });
  return { path, client, server };
}
