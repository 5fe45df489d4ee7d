import { isoTime } from "../kernel/clock.ts";
import type { AnchorRecord } from "../domain/anchor.ts";
import type { Anchor } from "../ports/anchor.ts";
import type { AnchorStore, TlogStore } from "../ports/store.ts";
import type { LogState } from "../proofs/prover.ts";
import type { AnchorView, TlogView } from "./views.ts";

/** What is known of the transparency log. Without a daemon, `state` is null and no anchor is configured. */
export async function tlogView(
  store: TlogStore & AnchorStore,
  state: LogState | null,
  configured: readonly Pick<Anchor, "name" | "kind">[],
): Promise<TlogView> {
  const logs = await store.tlogs();
  const [current, lastId] = [logs.at(-1), await store.lastStatementId()];
  const sizes = await Promise.all(logs.map(async ({ origin }) => (await store.lastHead(origin))?.size ?? 0));
  const size = sizes.at(-1) ?? 0;
  const records = current ? await store.anchors(current.origin) : [];
  return {
    state: state?.state ?? "stopped",
    error: state && "error" in state ? state.error : null,
    origin: current?.origin ?? null,
    vkey: current?.vkey ?? null,
    openedAt: current ? isoTime(current.openedAt) : null,
    size,
    minimumIndex: current?.minimumIndex ?? 0,
    waiting: current ? lastId - current.firstStatement + 1 - size : lastId,
    former: logs.slice(0, -1).map(({ origin, vkey }, at) => ({ origin, vkey, size: sizes[at]! })),
    anchors: anchorViews(records, configured, size),
  };
}

function anchorViews(
  records: readonly AnchorRecord[],
  configured: readonly Pick<Anchor, "name" | "kind">[],
  headSize: number,
): AnchorView[] {
  const names = [...new Set([...configured, ...records].map(({ name }) => name))].sort();
  return names.map((name) => {
    const own = records.filter((record) => record.name === name);
    const anchored = own.find(({ state }) => state === "anchored");
    const unfinished = own.find(({ state }) => state !== "anchored");
    const { kind } = configured.find((anchor) => anchor.name === name) ?? own[0]!;
    return {
      name,
      kind,
      state: unfinished?.state ?? anchored?.state ?? "waiting",
      size: anchored?.size ?? 0,
      anchoredAt: instant(anchored?.at),
      lag: headSize - (anchored?.size ?? 0),
      attempts: unfinished?.attempts ?? 0,
      nextAt: instant(unfinished?.nextAt),
      receipt: anchored?.receipt ? `tlog-anchors/${anchored.receipt}` : null,
      error: unfinished?.error ?? null,
    };
  });
}

function instant(at: number | null | undefined): string | null {
  return typeof at === "number" ? isoTime(at) : null;
}
