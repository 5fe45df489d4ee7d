import type { Schedule } from "../domain/schedule.ts";
import { isoTime } from "../kernel/clock.ts";
import type { Calendar } from "../ports/calendar.ts";
import type { UpcomingView } from "./views.ts";

/** The next planned instants of these schedules, earliest first, `limit` in all. */
export function upcomingFirings(
  schedules: readonly Schedule[],
  calendar: Pick<Calendar, "next">,
  limit: number,
): UpcomingView[] {
  const due = schedules.flatMap((schedule) => (schedule.nextAt === null ? [] : [{ schedule, at: schedule.nextAt }]));
  const firings: UpcomingView[] = [];
  while (firings.length < limit && due.length > 0) {
    const first = due.reduce((best, other) => (other.at < best.at ? other : best));
    const { id, workflow, cron, timezone } = first.schedule;
    firings.push({ plannedAt: isoTime(first.at), schedule: id, workflow });
    const next = calendar.next(cron, timezone, first.at);
    if (next === null) due.splice(due.indexOf(first), 1);
    else first.at = next;
  }
  return firings;
}
