import { isoTime } from "../kernel/clock.ts";
import type { TlogStore } from "../ports/store.ts";
import type { LogState } from "../proofs/prover.ts";
import type { TlogView } from "./views.ts";

/** What is known of the transparency log. Without a daemon, `state` is null. */
export async function tlogView(store: TlogStore, state: LogState | null): Promise<TlogView> {
  const logs = await store.tlogs();
  const [current, lastId] = [logs.at(-1), await store.lastStatementId()];
  const sizes = await Promise.all(logs.map(async ({ origin }) => (await store.lastHead(origin))?.size ?? 0));
  const size = sizes.at(-1) ?? 0;
  return {
    state: state?.state ?? "stopped",
    error: state?.state === "refused" ? state.error : null,
    origin: current?.origin ?? null,
    vkey: current?.vkey ?? null,
    openedAt: current ? isoTime(current.openedAt) : null,
    size,
    minimumIndex: current?.minimumIndex ?? 0,
    waiting: current ? lastId - current.firstStatement + 1 - size : lastId,
    former: logs.slice(0, -1).map(({ origin, vkey }, at) => ({ origin, vkey, size: sizes[at]! })),
  };
}
