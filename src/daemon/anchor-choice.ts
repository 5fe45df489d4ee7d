import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { createHttpExchange } from "../adapters/anchors/http-exchange.ts";
import { type AnchorKind, anchorKinds } from "../domain/anchor.ts";
import { CascadeError } from "../kernel/errors.ts";
import { createJsonRpc } from "../proofs/anchors/json-rpc.ts";
import type { AnchorTrust } from "../proofs/anchors/receipt-check.ts";
import { type AnchorPlan, readAnchorsFile } from "./anchors-file.ts";
import { findConfig, hostFacts, type Surroundings } from "./config-file.ts";
import { configOfDaemon } from "./daemon-view.ts";
import { dataFolderAt } from "./data-folder.ts";
import { systemClock } from "./system-clock.ts";
import { RECEIPTS_FOLDER } from "./kept-receipts.ts";
import type { AnchorChoice } from "./verifying.ts";

export interface AnchorWish {
  /** Kinds, separated by commas. */
  require: string;
  /** A file of anchors that says whom to trust; null takes the one of the configuration. */
  anchorsFile: string | null;
  /** A folder of receipts; null takes `anchors/` beside the proof file, else what the data folder keeps. */
  receipts: string | null;
  /** The address of a node. */
  rpc: string | null;
  /** An absolute path, when it is a file or folder that is verified. */
  subject: string;
  dataRoot: string;
  around: Surroundings;
}

const RPC_TIMEOUT_MS = 30_000;

/** What the options of `cascade verify` ask for. Throws `USAGE`, or as `readAnchorsFile` does. */
export function chooseAnchors(wish: AnchorWish): AnchorChoice {
  const { around, rpc } = wish;
  const kinds = kindsIn(wish.require);
  const path = wish.anchorsFile === null ? configuredFile(wish) : resolve(around.workingDir, wish.anchorsFile);
  const plans = path === "" ? [] : readAnchorsFile({ path, home: around.home, purpose: "check" });
  const trusted = plans.map(trustOf);
  // Neither takes a word of anyone's: a command is not asked, and the node of a chain is named by who verifies.
  if (!trusted.some(({ kind }) => kind === "exec")) trusted.push({ kind: "exec" });
  if (!trusted.some(({ kind }) => kind === "evm")) trusted.push({ kind: "evm", chainId: null, confirmations: 1 });
  return {
    kinds,
    trusted,
    receipts: wish.receipts === null ? besideProof(wish.subject) : resolve(around.workingDir, wish.receipts),
    rpc: rpc === null ? null : createJsonRpc(rpc, createHttpExchange(systemClock), RPC_TIMEOUT_MS),
  };
}

function kindsIn(text: string): AnchorKind[] {
  const kinds = text.split(",").map((word) => {
    const kind = anchorKinds.find((known) => known === word.trim());
    if (kind) return kind;
    throw new CascadeError("USAGE", `${word} is not a kind of anchor`, { hint: `Kinds: ${anchorKinds.join(", ")}.` });
  });
  return [...new Set(kinds)];
}

function configuredFile({ around, dataRoot }: AnchorWish): string {
  const data = dataFolderAt(dataRoot);
  const facts = hostFacts(data, around.environment);
  return findConfig({ ...around, flags: { watch: [], config: configOfDaemon(data, undefined) }, facts }).values[
    "tlog.anchors"
  ];
}

function besideProof(subject: string): string | null {
  const found = statSync(subject, { throwIfNoEntry: false });
  if (!found) return null;
  const folder = join(found.isDirectory() ? subject : dirname(subject), RECEIPTS_FOLDER);
  return existsSync(folder) ? folder : null;
}

function trustOf(plan: AnchorPlan): AnchorTrust {
  switch (plan.kind) {
    case "exec":
      return { kind: "exec" };
    case "tsa":
      return { kind: "tsa", certificates: plan.certificates };
    case "witness":
      return { kind: "witness", policy: plan.policy };
    case "rekor":
      return { kind: "rekor", log: plan.log };
    case "evm":
      return { kind: "evm", chainId: plan.chainId, confirmations: plan.confirmations };
  }
}
