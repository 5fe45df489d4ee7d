import { statSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { LivePolicy } from "../app/drift-of-trust.ts";
import { toCascadeError } from "../kernel/errors.ts";
import type { RegistryStore } from "../ports/store.ts";
import { findConfig, hostFacts, type Surroundings, trustOf } from "./config-file.ts";
import { readDaemonFile } from "./daemon-file.ts";
import { type DataFolder, SYSTEM_DATA } from "./data-folder.ts";
import { loadTrust } from "./trust-file.ts";
import { SYSTEM_CONFIG } from "./systemd-install.ts";

/** What the shipped unit tells the system's daemon and nobody else. */
const SYSTEM_ENVIRONMENT = { CONFIGURATION_DIRECTORY: dirname(SYSTEM_CONFIG), CACHE_DIRECTORY: "/var/cache/cascade" };

/** What the daemon of a data folder sees around it, for a command that looks from another place. */
export function surroundingsOfDaemon({ root }: DataFolder, around: Surroundings): Surroundings {
  if (root !== SYSTEM_DATA) return around;
  return { ...around, environment: { ...SYSTEM_ENVIRONMENT, ...around.environment } };
}

/** The configuration file of a data folder's daemon: the one that is named, else the one that the daemon says it was started with. */
export function configOfDaemon(data: DataFolder, named: string | undefined): string | undefined {
  return named ?? readDaemonFile(data.daemonFile)?.config ?? undefined;
}

/**
 * The trust policy that the daemon of a data folder would have if it read its configuration now. `config`: the file, if named; else
 * the policy is read again from where it was when the daemon took it, and without one from where it would be by default.
 */
export async function livePolicy(
  data: DataFolder,
  config: string | undefined,
  store: Pick<RegistryStore, "policyInForce">,
  around: Surroundings,
): Promise<LivePolicy> {
  try {
    // Whoever looks may be root: the file has to be safe for the daemon's user, who owns the database.
    const by = { uid: statSync(data.database).uid, home: around.home };
    const inForce = config === undefined ? await store.policyInForce() : null;
    if (inForce) {
      const place = fileURLToPath(inForce.uri);
      return { policy: loadTrust({ path: place, required: false, watch: [], ...by }), place };
    }
    const facts = hostFacts(data, around.environment);
    const found = findConfig({ ...around, flags: { watch: [], config: configOfDaemon(data, config) }, facts });
    return { policy: trustOf(found, by), place: found.values.trust };
  } catch (error) {
    const { code, message } = toCascadeError(error);
    return { problem: `${code}: ${message}` };
  }
}
