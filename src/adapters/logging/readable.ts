import type { LogDescriptor } from "pino";
import { isJsonObject } from "../../kernel/json.ts";
import { visibleLine } from "../../kernel/visible-text.ts";

/**
 * Turns a JSON line into text for people, `09:30:12 WARN  registry: broken.cascade is rejected {"file":"…"}`, and below it
 * an error with its code and next step.
 */
export async function readableForm(colour: boolean): Promise<(line: string) => string> {
  // Loaded only here: a daemon without a terminal does not pay for it.
  const { prettyFactory } = await import("pino-pretty");
  return prettyFactory({
    colorize: colour,
    colorizeObjects: false,
    singleLine: true,
    translateTime: "SYS:HH:MM:ss",
    ignore: "pid,hostname,component,event,err",
    messageFormat: readableMessage,
  });
}

function readableMessage(line: LogDescriptor): string {
  const { component, msg, err } = line as { component?: unknown; msg?: unknown; err?: unknown };
  const start = typeof component === "string" ? `${component}: ` : "";
  const shown = `${start}${visibleLine(String(msg))}`;
  if (!isJsonObject(err)) return shown;
  const [code, message, hint] = [err["code"], err["message"], err["hint"]].map((text) => visibleLine(String(text)));
  return `${shown}\n    ${code}: ${message}\n    ${hint}`;
}
