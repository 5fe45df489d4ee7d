/** Clocks that are right enough may be so far apart; what contradicts another by more was dated wrongly, or its clock is wrong. */
export const CLOCK_SKEW_MS = 5 * 60_000;
