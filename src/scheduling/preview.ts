import { isoTime } from "../kernel/clock.ts";
import type { Calendar } from "../ports/calendar.ts";

/**
 * The next `count` planned instants of a rule strictly after `from` (epoch milliseconds), as ISO-8601 in UTC.
 * Throws `CRON_INVALID` or `TIMEZONE_UNKNOWN`.
 */
export function previewInstants(
  calendar: Calendar,
  rule: { cron: string; timezone: string },
  from: number,
  count: number,
): string[] {
  const cron = calendar.checkCron(rule.cron);
  const instants: string[] = [];
  let at = calendar.next(cron, rule.timezone, from);
  while (at !== null && instants.length < count) {
    instants.push(isoTime(at));
    at = calendar.next(cron, rule.timezone, at);
  }
  return instants;
}
