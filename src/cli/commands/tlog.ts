import { resolve } from "node:path";
import type { Command } from "commander";
import { visibleLine } from "../../kernel/visible-text.ts";
import type { AnchorView, TlogView } from "../../app/views.ts";
import type { FsckFinding, TlogReader } from "../../daemon/tlog-reading.ts";
import { type CliContext, type DataOption, type JsonOption, shared } from "../context.ts";
import { locate, withDaemon, withQueries } from "../connection.ts";
import { printJson, shortTime } from "../format.ts";
import type { Io } from "../io.ts";
import { paletteFor } from "../palette.ts";
import { printFields, printTable } from "../table.ts";

const LEAVES_PER_PROGRESS = 10_240;

export function addTlogCommands(program: Command, { io, end }: CliContext): void {
  const tlog = program.command("tlog").description("the transparency log that every proof is a leaf of");

  tlog
    .command("status")
    .description("show the log, how much of it is signed, and why it does not go on when it does not")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const view = await withQueries(io, option, (queries) => queries.tlog());
      if (json) printJson(io, view);
      else printStatus(io, view);
      if (view.error) end(1);
    });

  tlog
    .command("head")
    .description("print the published checkpoint, a signed note")
    .addOption(shared.data())
    .action((option: DataOption) => withReader(option, async (reader) => io.exact(await reader.head())));

  tlog
    .command("prove")
    .description("print that a run's proof is in the published head, in the form of https://c2sp.org/tlog-proof")
    .argument("<run>", "id of the run, or six or more characters of its end")
    .addOption(shared.data())
    .action(async (run: string, option: DataOption) => {
      const { runId } = await withQueries(io, option, (queries) => queries.proof(run));
      await withReader(option, async (reader) => io.exact(await reader.prove(runId)));
    });

  tlog
    .command("consistency")
    .description("print that one head of the log continues another")
    .argument("<from>", "a size, or a file with a signed checkpoint")
    .argument("<to>", "a size, or a file with a signed checkpoint")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async (from: string, to: string, { json, ...option }: DataOption & JsonOption) => {
      const { headText } = await import("../../daemon/tlog-reading.ts");
      const given = await Promise.all([from, to].map((name) => headText(resolve(io.workingDir, name), name)));
      await withReader(option, async (reader) => {
        const proof = await reader.consistency(given[0]!, given[1]!);
        if (json) return printJson(io, proof);
        printFields(io, [
          ["log", proof.origin],
          ["from", `${proof.from} leaves, root ${proof.fromRoot}`],
          ["to", `${proof.to} leaves, root ${proof.toRoot}`],
        ]);
        for (const hash of proof.path) io.out(`${hash}\n`);
      });
    });

  tlog
    .command("fsck")
    .description("make the whole log again from its entries and compare tiles, heads, statements and proof files")
    .addOption(shared.data())
    .addOption(shared.json())
    .addHelpText("after", "\nExit codes: 0 everything agrees, 1 something does not.")
    .action((options: DataOption & JsonOption) =>
      withReader(options, async (reader) => {
        const findings = await reader.fsck((leaves) => {
          if (io.errIsTerminal && leaves % LEAVES_PER_PROGRESS === 0) io.err(`${leaves} leaves checked\n`);
        });
        if (findings.some(({ status }) => status !== "passed")) end(1);
        if (options.json) printJson(io, findings);
        else printFindings(io, findings);
      }),
    );

  tlog
    .command("anchor")
    .description("show the present head to an anchor, or to all of them, now")
    .option("--name <anchor>", "only to this one")
    .option("--wait", "until each has seen it or has failed once")
    .addOption(shared.data())
    .addOption(shared.json())
    .addHelpText("after", "\nExit codes with --wait: 0 it was seen by all that were asked, 1 it was not.")
    .action(async ({ json, name, wait, ...option }: DataOption & JsonOption & { name?: string; wait?: true }) => {
      const view = await withDaemon(io, option, (client) =>
        client.anchorTlog({ name: name ?? null, wait: wait === true }),
      );
      const anchors = view.anchors.filter((anchor) => name === undefined || anchor.name === name);
      if (wait && anchors.some(({ state }) => state !== "anchored")) end(1);
      if (json) printJson(io, anchors);
      else printAnchors(io, anchors);
    });

  tlog
    .command("serve")
    .description("serve checkpoint and tiles over HTTP, read-only, until Ctrl-C")
    .option("--listen <host:port>", "where; port 0 takes a free one", "127.0.0.1:8780")
    .addOption(shared.data())
    .action(async ({ listen, ...option }: DataOption & { listen: string }) => {
      const { serveTlog } = await import("../../daemon/tlog-server.ts");
      const server = await serveTlog(locate(io, option).root, listen);
      io.out(`${server.address}\n`);
      await new Promise<void>((resolve) => {
        const ignore = io.onInterrupt(() => {
          ignore();
          resolve();
        });
      });
      await server.close();
    });

  tlog
    .command("adopt")
    .description("open another log in the place of one that cannot go on, such as after an old backup was restored")
    .addOption(shared.data())
    .addOption(shared.json())
    .action(async ({ json, ...option }: DataOption & JsonOption) => {
      const view = await withDaemon(io, option, (client) => client.adoptTlog());
      if (json) return printJson(io, view);
      printStatus(io, view);
      io.err("Hand the new keys/trusted_root.json to everyone who verifies proofs of this daemon.\n");
    });

  async function withReader(option: DataOption, action: (reader: TlogReader) => Promise<void>): Promise<void> {
    const { openTlogReader } = await import("../../daemon/tlog-reading.ts");
    const reader = await openTlogReader(locate(io, option).root);
    try {
      await action(reader);
    } finally {
      await reader.close();
    }
  }
}

function printStatus(io: Io, view: TlogView): void {
  printFields(io, [
    ["log", view.origin],
    ["state", view.error ? `${view.state}: ${view.error.code}: ${view.error.message}` : view.state],
    ["key", view.vkey],
    ["opened", shortTime(view.openedAt)],
    ["signed", `${view.size} leaves${view.minimumIndex === 0 ? "" : `, ${view.minimumIndex} of them pruned`}`],
    ["waiting", `${view.waiting} statements`],
    ...view.former.map(({ origin, size }): [string, string] => ["former", `${origin}, ${size} leaves`]),
  ]);
  if (view.anchors.length > 0) {
    io.out("\n");
    printAnchors(io, view.anchors);
  }
  if (view.error) io.err(`${view.error.hint}\n`);
}

function printAnchors(io: Io, anchors: readonly AnchorView[]): void {
  printTable(
    io,
    anchors,
    [
      { heading: "ANCHOR", cell: ({ name }) => name },
      { heading: "KIND", cell: ({ kind }) => kind },
      { heading: "STATE", cell: ({ state }) => state },
      { heading: "SEEN", cell: ({ size }) => size },
      { heading: "LAG", cell: ({ lag }) => lag },
      { heading: "AT", cell: ({ anchoredAt }) => shortTime(anchoredAt) },
      { heading: "ERROR", cell: ({ error }) => error },
    ],
    "No anchors are configured.",
  );
}

function printFindings(io: Io, findings: readonly FsckFinding[]): void {
  const palette = paletteFor(io, io.outIsTerminal);
  for (const { check, status, message } of findings) {
    io.out(`${palette.state(status.padEnd(7))}  ${check.padEnd(10)}  ${visibleLine(message)}\n`);
  }
}
