import { bundleText } from "../../src/domain/bundle.ts";
import { isSigned, type SealedStatement } from "../../src/domain/sealed-statement.ts";
import { invariant } from "../../src/kernel/assert.ts";
import { noCrashPoint } from "../../src/kernel/crash-points.ts";
import { createAppender, emptyLog } from "../../src/proofs/tlog/appender.ts";
import { createLeafMaker } from "../../src/proofs/tlog/leaf-maker.ts";
import { createEntryMaker } from "../../src/proofs/tlog/log-entry.ts";
import type { NoteKey } from "../../src/proofs/tlog/note.ts";
import { keyOfLog } from "../../src/proofs/tlog/signed-checkpoint.ts";
import type { TlogSigner } from "../../src/ports/tlog-signer.ts";
import { createMemoryMark, createMemoryTlogFiles, createTestTlogSigner } from "./memory-tlog.ts";

export interface TestLog {
  key: NoteKey;
  signer: TlogSigner;
  /** The proof file of a statement that was just appended, between two others, to the log. */
  bundle(sealed: SealedStatement): Promise<string>;
}

/** A log in memory that takes statements signed with these keys, given in PEM. With the signer of another one it is its fork. */
export function createTestLog(
  publicKeys: readonly string[],
  origin = "log.test",
  signer = createTestTlogSigner(origin),
): TestLog {
  const key = keyOfLog(signer);
  const leafOf = createLeafMaker(publicKeys);
  const files = createMemoryTlogFiles();
  const appender = createAppender(emptyLog, { files, mark: createMemoryMark(), signer, crashPoint: noCrashPoint });
  return {
    key,
    signer,
    async bundle(sealed) {
      invariant(isSigned(sealed), "the statement is signed");
      const body = leafOf(sealed);
      const index = appender.size() + 3;
      const { head, growth } = await appender.append([
        ...["0", "1", "2"].map((text) => Buffer.from(text)),
        body,
        Buffer.from("4"),
      ]);
      return bundleText({ ...sealed, entry: createEntryMaker(key, head)(index, body, growth.path(index)) });
    },
  };
}
