import { readlinkSync } from "node:fs";
import { isUtc } from "../adapters/time/zone.ts";

/** The zone of the host, as an IANA name. */
export function hostTimezone({ TZ }: Readonly<Record<string, string | undefined>>): string {
  // The first question to Intl costs 12 ms and 7 MB, and most servers are in UTC.
  return isUtc(TZ || linkedZone()) ? "UTC" : Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Empty where the zone is set in another way. */
function linkedZone(): string {
  try {
    return readlinkSync("/etc/localtime").replace(/^.*\/zoneinfo\//, "");
  } catch {
    return "";
  }
}
