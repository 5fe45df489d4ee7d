import { createCalendar } from "../adapters/time/calendar.ts";
import { previewInstants } from "../scheduling/preview.ts";

/**
 * The next `count` planned instants of a cron rule strictly after `from` (epoch milliseconds), as ISO-8601 in UTC. Needs no
 * daemon. Throws `CRON_INVALID` or `TIMEZONE_UNKNOWN`.
 */
export function ruleInstants(rule: { cron: string; timezone: string }, from: number, count: number): string[] {
  return previewInstants(createCalendar(), rule, from, count);
}
