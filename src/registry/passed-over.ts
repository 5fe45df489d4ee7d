import type { ErrorView } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { FolderListing, PackageSource } from "../ports/package-source.ts";

/** So many of a folder are told by name, each with its reason. */
const TOLD_MAX = 100;

/** Remembers what is told of things in watched folders that are no packages, so that each is told once. */
export interface PassedOver {
  /** Tells what is new, and forgets what has left. */
  note(listings: readonly FolderListing[]): Promise<void>;
  all(): readonly ErrorView[];
}

export function createPassedOver(source: Pick<PackageSource, "whyPassedOver">, logger: Logger): PassedOver {
  /** By folder and name; null for what was seen once and may be on its way to another name. */
  const known = new Map<string, Map<string, ErrorView | null>>();
  const crowded = new Set<string>();

  async function noteFolder({ folder, passedOver = [] }: FolderListing): Promise<void> {
    const before = known.get(folder) ?? new Map<string, ErrorView | null>();
    const names = passedOver.slice(0, TOLD_MAX);
    const after = new Map<string, ErrorView | null>();
    for (const name of names) {
      const told = before.get(name);
      // Copying programs write to such a name first.
      const isOnItsWay = name.startsWith(".") && told === undefined;
      after.set(name, told ?? (isOnItsWay ? null : await tell(folder, name)));
    }
    known.set(folder, after);
    if (passedOver.length <= TOLD_MAX) crowded.delete(folder);
    else if (!crowded.has(folder)) {
      crowded.add(folder);
      const event = "package.passed_over";
      logger.warn(
        { event, folder },
        `${folder} holds more than ${TOLD_MAX} things that are no packages; the others are not named`,
      );
    }
  }

  async function tell(folder: string, name: string): Promise<ErrorView | null> {
    const reason = await source.whyPassedOver({ folder, name });
    if (reason === undefined) return null;
    logger.warn({ event: "package.passed_over", folder, err: reason }, `${reason.message}. ${reason.hint}`);
    return reason;
  }

  return {
    async note(listings) {
      for (const folder of known.keys()) {
        if (!listings.some((listing) => listing.folder === folder)) known.delete(folder);
      }
      for (const listing of listings) if (listing.error === null) await noteFolder(listing);
    },
    all: () => [...known.values()].flatMap((told) => [...told.values()].filter((reason) => reason !== null)),
  };
}
