import type { Recording } from "../domain/recording.ts";
import type { Replayed } from "../domain/replay.ts";
import type { ReplayIsolation } from "../domain/replay-statement.ts";
import type { AttemptSpec } from "./task-host.ts";

/** Executes attempts again in processes of their own that reach no network and keep nothing. One at a time. */
export interface ReplayHost {
  readonly isolation: ReplayIsolation;
  /** `spec.readings` names the recording's artifact. Rejects when no process could be started, or `close` came before its end. */
  replay(spec: AttemptSpec, recording: Recording): Promise<Replayed>;
  /** Ends what runs and removes what was written. */
  close(): Promise<void>;
}
