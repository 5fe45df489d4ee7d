import { parentPort } from "node:worker_threads";
import { readCommandFile } from "../adapters/archive/command-file.ts";
import { serveChecks } from "../adapters/checks/serve-checks.ts";
import { createCalendar } from "../adapters/time/calendar.ts";

/** The program of the thread that checks what strangers wrote. */
serveChecks(parentPort!, { calendar: createCalendar(), readCommands: readCommandFile });
