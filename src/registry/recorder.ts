import type { FileLocation, PackageFileRecord, ServedPackage } from "../domain/registry.ts";
import { filePath } from "../domain/serving.ts";
import { type Seal, sealStatement } from "../domain/sealed-statement.ts";
import type { CrashPoint } from "../kernel/crash-points.ts";
import type { Digest } from "../kernel/digest.ts";
import { CascadeError, type ErrorView, errorView } from "../kernel/errors.ts";
import type { Logger } from "../kernel/logger.ts";
import type { ChangeWriter } from "../ports/change-writer.ts";
import type { CascadeEvent, Events } from "../ports/events.ts";
import type { CodeStore, PackageContent } from "../ports/package-archive.ts";
import type { AdmissionBook } from "./admission-book.ts";
import { type NewJudgements, noNewJudgements } from "./judge-anew.ts";
import type { RegistryState } from "./registry-state.ts";
import { type Finding, isIdle, type RegistryStep, registryStep, type StepInput } from "./registry-step.ts";

/** Each put waits for the disk several times; more at once gain nothing. */
const PUTS_AT_ONCE = 8;

export interface RecorderPorts extends Pick<StepInput, "serve" | "serveNothing" | "vouch"> {
  codeStore: Pick<CodeStore, "put">;
  writer: ChangeWriter;
  /** Told of what is durable. */
  admissions: Pick<AdmissionBook, "note">;
  /** Seals the statements that packages were admitted. */
  seal: Seal;
  events: Pick<Events, "publish">;
  logger: Logger;
  crashPoint: CrashPoint;
  /** Called when live definitions have changed and are durable, before anyone is told. */
  onServed(served: readonly ServedPackage[]): void | Promise<void>;
}

export interface Batch {
  findings: readonly Finding[];
  gone: readonly PackageFileRecord[];
  /** Of packages that are loaded. */
  judgements: NewJudgements;
  /** Of the whole packages among the findings that may have to be unpacked. */
  contents: ReadonlyMap<Digest, PackageContent>;
}

export interface Recorded {
  state: RegistryState;
  /** Files whose code could not be unpacked: to be looked into again. */
  failed: readonly { path: string; error: ErrorView }[];
  /** Files rejected for a conflict that is over. */
  lookAgain: readonly string[];
}

/**
 * Makes findings durable: unpacks the code of what is to be loaded, writes one change, and then tells. A package whose
 * code cannot be unpacked is left out and holds up no other.
 */
export function createRecorder(ports: RecorderPorts, now: () => number) {
  /** The step that a batch makes of a state, before anything is unpacked or written. */
  const plan = (state: RegistryState, { findings, gone, judgements }: Batch): RegistryStep => {
    const { serve, serveNothing, vouch } = ports;
    return registryStep(state, { findings, gone, judgements, now: now(), serve, serveNothing, vouch });
  };

  /** `planned` is the step of this batch; going through all files twice is what a large folder would notice. */
  async function record(state: RegistryState, batch: Batch, planned = plan(state, batch)): Promise<Recorded> {
    const failed: { path: string; error: ErrorView }[] = [];
    let { findings } = batch;
    let step = planned;
    for (;;) {
      const unput = await putCode(step, findings, batch.contents);
      if (unput.size === 0) break;
      failed.push(...[...unput].map(([path, error]) => ({ path, error: errorView(error) })));
      findings = findings.filter(({ location }) => !unput.has(filePath(location)));
      step = plan(state, { ...batch, findings });
    }
    const recorded = { state: step.next, failed, lookAgain: step.lookAgain };
    if (isIdle(step)) return recorded;
    const statements = await Promise.all(step.statements.map((text) => sealStatement(text, ports.seal)));
    const change = { ...step.change, statements };
    const verdict = await ports.writer.submit({ type: "registry", change, audit: step.audit });
    if (verdict.ok) {
      ports.admissions.note(change.packages);
      await tell(step);
      return recorded;
    }
    const apart = await recordApart(state, { ...batch, findings }, verdict.message);
    return { ...apart, failed: [...failed, ...apart.failed] };
  }

  /** The store refused a batch: each finding goes by itself, so that one it cannot hold does not keep out the others. */
  async function recordApart(state: RegistryState, batch: Batch, message: string): Promise<Recorded> {
    const [only, ...others] = batch.findings;
    if (!only) throw new CascadeError("INTERNAL", `the registry's change was refused: ${message}`);
    if (others.length === 0 && batch.gone.length === 0) {
      if (only.kind !== "whole") throw new CascadeError("INTERNAL", `the registry's change was refused: ${message}`);
      const error = errorView(new CascadeError("PACKAGE_INVALID", `the package was refused: ${message}`));
      const { location, stat } = only;
      return record(state, { ...batch, findings: [{ kind: "rejected", location, stat, error }] });
    }
    let recorded: Recorded = { state, failed: [], lookAgain: [] };
    const alone = { ...batch, gone: [], judgements: noNewJudgements };
    const parts: Batch[] = batch.findings.map((finding) => ({ ...alone, findings: [finding] }));
    for (const part of [...parts, { ...batch, findings: [] }]) {
      const next = await record(recorded.state, part);
      recorded = { ...next, failed: [...recorded.failed, ...next.failed] };
    }
    return recorded;
  }

  /** Unpacks what will be loaded and was read; returns the files for which that failed, by path. */
  async function putCode(step: RegistryStep, findings: readonly Finding[], contents: Batch["contents"]) {
    const failed = new Map<string, unknown>();
    const wanted = new Map<Digest, FileLocation>();
    for (const finding of findings) {
      if (finding.kind !== "whole" || !step.next.packages.has(finding.package.digest)) continue;
      if (contents.has(finding.package.digest)) wanted.set(finding.package.digest, finding.location);
    }
    const queue = wanted.entries();
    const worker = async () => {
      for (const [digest, location] of queue) {
        await ports.codeStore.put(contents.get(digest)!).catch((error) => failed.set(filePath(location), error));
      }
    };
    await Promise.all(Array.from({ length: Math.min(PUTS_AT_ONCE, wanted.size) }, worker));
    return failed;
  }

  async function tell({ change, events }: RegistryStep): Promise<void> {
    if (change.served.length > 0 || change.packages.length > 0) ports.crashPoint("load-committed");
    if (change.served.length > 0) await ports.onServed(change.served);
    for (const event of events) {
      logEvent(ports.logger, event);
      ports.events.publish(event);
    }
  }

  return { plan, record };
}

function logEvent(logger: Logger, event: CascadeEvent): void {
  switch (event.name) {
    case "package.loaded":
      logger.info(
        { event: event.name, package: event.package, version: event.version, file: filePath(event.file) },
        `${event.package} ${event.version} is loaded`,
      );
      return;
    case "package.rejected":
      logger.warn(
        { event: event.name, file: filePath(event.file), err: event.error },
        `${filePath(event.file)} is rejected: ${event.error.message}`,
      );
      return;
    case "package.unloaded":
      logger.info(
        { event: event.name, package: event.package, version: event.version },
        `${event.package} ${event.version} is unloaded`,
      );
      return;
    case "run.changed":
    case "task.changed":
    case "daemon.changed":
      return;
  }
}
