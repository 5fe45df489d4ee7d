import { randomBytes } from "node:crypto";
import { openEvmWallet } from "../adapters/anchors/evm-wallet.ts";
import { createHttpExchange } from "../adapters/anchors/http-exchange.ts";
import { createRunCommand } from "../adapters/anchors/run-command.ts";
import { openAnchorSigner } from "../adapters/signing/local-signer.ts";
import type { Tlog } from "../domain/tlog.ts";
import { invariant } from "../kernel/assert.ts";
import type { Clock } from "../kernel/clock.ts";
import type { Logger } from "../kernel/logger.ts";
import type { Anchor } from "../ports/anchor.ts";
import type { EvmWallet } from "../ports/evm-wallet.ts";
import { createEvmAnchor } from "../proofs/anchors/evm-anchor.ts";
import { createExecAnchor } from "../proofs/anchors/exec-anchor.ts";
import { createJsonRpc } from "../proofs/anchors/json-rpc.ts";
import { createRekorAnchor } from "../proofs/anchors/rekor-anchor.ts";
import { createTimeStampAnchor } from "../proofs/anchors/time-stamp-anchor.ts";
import { createWitnessAnchor } from "../proofs/anchors/witness-anchor.ts";
import type { AnchorPlan } from "./anchors-file.ts";

export interface AnchorFacts {
  /** The largest head of a log that was signed by now. */
  newestSize(log: Pick<Tlog, "origin" | "vkey">): Promise<number>;
  keysFolder: string;
  /** Commands get `PATH` and `HOME` of it. */
  environment: Readonly<Record<string, string | undefined>>;
  clock: Clock;
  logger: Logger;
}

/** The anchors of plans that were read to show heads. */
export function makeAnchors(plans: readonly AnchorPlan[], facts: AnchorFacts): Anchor[] {
  const { newestSize, clock, logger } = facts;
  const ask = createHttpExchange(clock);

  return plans.map((plan) => {
    const { name, everyMs, timeoutMs } = plan;
    const terms = { name, everyMs, timeoutMs };
    switch (plan.kind) {
      case "exec":
        return createExecAnchor(
          { ...plan, environment: commandEnvironment(facts.environment) },
          createRunCommand(clock),
        );
      case "tsa":
        return createTimeStampAnchor({ ...terms, url: given(plan.url), trusted: plan.certificates }, ask, randomBytes);
      case "witness":
        return createWitnessAnchor({ ...terms, policy: plan.policy }, { ask, newestSize });
      case "rekor":
        return createRekorAnchor(
          { ...terms, url: given(plan.url), log: plan.log },
          ask,
          openAnchorSigner(facts.keysFolder),
        );
      case "evm": {
        const { chainId, confirmations, pollMs, keyFile } = plan;
        let opened: Promise<EvmWallet> | undefined;
        return createEvmAnchor(
          { name, everyMs, chainId, confirmations, pollMs },
          {
            rpc: createJsonRpc(given(plan.rpc), ask, timeoutMs),
            wallet: () => (opened ??= openEvmWallet(given(keyFile)).catch(forget(() => (opened = undefined)))),
            logger,
          },
        );
      }
    }
  });
}

function given(value: string | undefined): string {
  invariant(value !== undefined, "an anchor that shows heads has an address");
  return value;
}

/** What failed once may be mended meanwhile. */
function forget(action: () => void) {
  return (error: unknown): never => {
    action();
    throw error;
  };
}

function commandEnvironment(environment: AnchorFacts["environment"]): Record<string, string> {
  const names = ["PATH", "HOME", "LANG"];
  return Object.fromEntries(
    names.flatMap((name) => (environment[name] === undefined ? [] : [[name, environment[name]]])),
  );
}
