import { Settings } from "luxon";

// The parser and the alarm clock make a date of luxon each time, and luxon asks Intl for the host's language, though no text
// is made of the date. The first question to Intl costs 12 ms and 7 MB.
Settings.defaultLocale = "en-US";
