/** The instants of a cron rule in a zone. */
export interface Calendar {
  /**
   * The first planned instant strictly after `after` (epoch milliseconds), or null when there is none: only at the end of the range of dates.
   * Throws `CRON_INVALID` or `TIMEZONE_UNKNOWN`.
   */
  next(cron: string, timezone: string, after: number): number | null;
  /** How many planned instants lie after `after`, up to and with `until`. Costs the days between, not the instants. Throws as `next`. */
  count(cron: string, timezone: string, after: number, until: number): number;
  /** Throws `CRON_INVALID` for what is not a rule, is never due, or less than once in eight years; returns its normalised text. */
  checkCron(cron: string): string;
  /** Throws `TIMEZONE_UNKNOWN` for what is no name of the zone database, with those that may be meant. */
  checkTimezone(name: string): void;
}
