import { realPath } from "../../src/daemon/real-path.ts";
import { isSignedBy } from "../../src/adapters/signing/public-key.ts";
import type { TrustPolicy } from "../../src/domain/trust-policy.ts";
import type { RegistryStore } from "../../src/ports/store.ts";
import { createAdmissionBook } from "../../src/registry/admission-book.ts";
import { createGatekeeper } from "../../src/registry/gatekeeper.ts";
import type { Reconciler } from "../../src/registry/reconciler.ts";
import { createTestSigner } from "./test-signer.ts";

export const testSeal = createTestSigner();

/** What the registry needs of the trust layer, on a store; without a policy everything is let in. */
export function trustPorts(store: Pick<RegistryStore, "admissions">, policy: () => TrustPolicy | null = () => null) {
  const admissions = createAdmissionBook(store);
  const verifier = { id: "urn:cascade:engine:test", version: "0.1.0" };
  const ports = {
    admissions,
    gatekeeper: createGatekeeper({ policy, book: admissions, isSignedBy, realPath, verifier }),
    seal: testSeal,
  };
  /** Reads the admissions of former lives first, as the daemon does. */
  const withBook = (reconciler: Reconciler): Reconciler => ({
    ...reconciler,
    async start() {
      await admissions.load();
      await reconciler.start();
    },
  });
  return { ports, withBook };
}
