import { type ReplayOutcome, replayStatementText } from "../domain/replay-statement.ts";
import { type Seal, sealStatement } from "../domain/sealed-statement.ts";
import type { StatementFacts } from "../domain/statement.ts";
import { attestationFileName } from "../domain/tlog-statement.ts";
import { sha256 } from "../kernel/digest.ts";
import { CascadeError } from "../kernel/errors.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { ReplayHost } from "../ports/replay-host.ts";
import type { RegistryStore } from "../ports/store.ts";
import type { ReplayRequest } from "./application.ts";
import { findPackage } from "./drift.ts";
import { replayRun, type ReplaySources } from "./replay-run.ts";
import { replayView } from "./replay-views.ts";
import type { ReplayView } from "./views.ts";

export interface ReplaysOptions {
  sources: ReplaySources & { store: ReplaySources["store"] & RegistryStore };
  openHost(): Promise<ReplayHost>;
  seal: Seal;
  facts: Pick<StatementFacts, "builderId" | "versions">;
  writer: ChangeWriter;
  /** A statement was stored. */
  onStatement(): void;
}

/** Replays that are signed and logged. They run beside the runs, one after the other, so that they take one process at most. */
export interface Replays {
  replay(run: string, request: ReplayRequest): Promise<ReplayView>;
  /** Breaks off what runs, and lets nothing more begin. */
  stop(): Promise<void>;
}

export function createReplays({ sources, openHost, seal, facts, writer, onStatement }: ReplaysOptions): Replays {
  let last: Promise<unknown> = Promise.resolve();
  let host: ReplayHost | undefined;
  let stopped = false;

  function assertGoing(): void {
    if (stopped) throw new CascadeError("DAEMON_DRAINING", "the daemon is stopping");
  }

  async function execute(run: string, { task, against, mask }: ReplayRequest): Promise<ReplayOutcome> {
    assertGoing();
    const other = against === null ? null : (await findPackage(sources.store, against)).identity;
    host = await openHost();
    try {
      // Meanwhile.
      assertGoing();
      return await replayRun(sources, host, { run, task, against: other, mask });
    } finally {
      await host.close();
      host = undefined;
    }
  }

  async function record(outcome: ReplayOutcome): Promise<ReplayView> {
    const text = replayStatementText(outcome, facts);
    const digest = sha256(text);
    const file = attestationFileName(digest);
    const statement = { ...(await sealStatement(text, seal)), file };
    const verdict = await writer.submit({ type: "add_statement", statement });
    if (!verdict.ok) throw new CascadeError("STORE_FAILED", `the replay was not recorded: ${verdict.message}`);
    onStatement();
    return replayView(outcome, { digest, file });
  }

  return {
    replay(run, request) {
      const begin = async () => record(await execute(run, request));
      const mine = last.then(begin, begin);
      last = mine;
      return mine;
    },
    async stop() {
      stopped = true;
      await host?.close();
      await last.catch(() => undefined);
    },
  };
}
