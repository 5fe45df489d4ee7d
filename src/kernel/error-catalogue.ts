/** Exit codes of the command line, after sysexits.h where it has one. */
export const exitCodes = {
  ok: 0,
  runFailed: 1,
  cannotTell: 2,
  usage: 64,
  badData: 65,
  unreachable: 69,
  internal: 70,
  cannotCreate: 73,
  io: 74,
  temporary: 75,
  permission: 77,
  configuration: 78,
  detached: 130,
} as const;

type Exit = keyof typeof exitCodes;

export interface CatalogueEntry {
  /** How a command ends that fails with this error. */
  exit: Exit;
  /** The status of an HTTP answer that carries this error. */
  status: number;
  /** The next step for whoever sees it, by name where it is known whose; an error may bring a more exact one. */
  hint: string | ((about: HintDetails) => string);
}

/** What a hint can name. */
export interface HintDetails {
  run?: string;
  task?: string;
  workflow?: string;
  /** Of a file, or of a key. */
  file?: string;
  name?: string;
}

/**
 * Every error that Cascade reports, by its stable code. `docs/errors.md` lists the same codes; a test keeps them equal.
 * A code is never reused for another meaning.
 */
export const errorCatalogue = {
  // Command line and configuration
  USAGE: { exit: "usage", status: 400, hint: "Run the command with --help." },
  CONFIG_INVALID: {
    exit: "configuration",
    status: 400,
    hint: "Correct cascade.toml; `cascade config check` shows every problem.",
  },
  CONFIG_UNREADABLE: {
    exit: "configuration",
    status: 500,
    hint: "Make the configuration file readable for the daemon's user.",
  },
  TRUST_INVALID: {
    exit: "configuration",
    status: 400,
    hint: "Correct trust.toml; docs/trust.md describes every key.",
  },
  TRUST_MISSING: {
    exit: "configuration",
    status: 500,
    hint: 'Put trust.toml back; one that says only `require = "none"` ends the policy.',
  },
  TRUST_UNSAFE: {
    exit: "configuration",
    status: 500,
    hint: "Only root or the daemon's user may own and write trust.toml, its folder and the key files that it names.",
  },
  SOCKET_PATH_TOO_LONG: {
    exit: "configuration",
    status: 500,
    hint: "Use a shorter data folder, or set XDG_RUNTIME_DIR.",
  },
  DATA_NEWER: {
    exit: "configuration",
    status: 500,
    hint: "This data folder was written by a newer Cascade; run that version.",
  },
  DATA_FOREIGN: {
    exit: "configuration",
    status: 500,
    hint: "cascade.db is not a Cascade database; choose another data folder.",
  },
  LOCK_HELD: {
    exit: "temporary",
    status: 409,
    hint: "Another daemon uses this data folder; `cascade status` shows it.",
  },
  DAEMON_UNREACHABLE: {
    exit: "unreachable",
    status: 503,
    hint: "Start it with `cascade daemon`, or name its data folder with --data.",
  },
  DAEMON_DRAINING: { exit: "temporary", status: 503, hint: "The daemon is stopping; try again after its restart." },
  DAEMON_LOST: {
    exit: "unreachable",
    status: 503,
    hint: "The daemon went away; `cascade run show` tells how the run ended.",
  },
  CANNOT_CREATE: { exit: "cannotCreate", status: 500, hint: "Check that the folder exists and can be written." },
  PERMISSION: { exit: "permission", status: 403, hint: "Run it as a user that may access the file." },
  SERVICE_CANNOT_READ: {
    exit: "permission",
    status: 500,
    hint: "Install Node and Cascade where every user may read them, outside of home folders.",
  },
  IO_FAILED: { exit: "io", status: 500, hint: "Check the disk and the kernel log." },
  INTERNAL: { exit: "internal", status: 500, hint: "This is a bug in Cascade; please report it with the log." },

  // The API
  ROUTE_UNKNOWN: { exit: "usage", status: 404, hint: "docs/api.md lists every address and method." },
  BODY_TOO_LARGE: { exit: "badData", status: 413, hint: "Send at most 10 MB; split a batch into smaller ones." },
  QUERY_INVALID: { exit: "usage", status: 400, hint: "docs/api.md lists what each request takes." },
  CURSOR_INVALID: {
    exit: "usage",
    status: 400,
    hint: "Take the cursor from `nextCursor` of the page before, asked for with the same filter.",
  },

  // Values
  JSON_INVALID: {
    exit: "badData",
    status: 400,
    hint: "Return or pass only null, booleans, finite numbers, strings, arrays and plain objects.",
  },

  // Definitions and packing
  PACK_MANIFEST_INVALID: {
    exit: "badData",
    status: 422,
    hint: "Correct package.json: name, version and the `cascade` object.",
  },
  PACK_ENTRY_MISSING: {
    exit: "badData",
    status: 422,
    hint: "Name an existing file as `cascade.entry` in package.json.",
  },
  PACK_ASSET_MISSING: { exit: "badData", status: 422, hint: "Name existing files or folders in `cascade.assets`." },
  PACK_BUNDLE_FAILED: { exit: "badData", status: 422, hint: "Correct the source at the place shown." },
  PACK_NATIVE_MODULE: {
    exit: "badData",
    status: 422,
    hint: "Native modules cannot be packed; use a package written in JavaScript, or call a program with `run:`.",
  },
  PACK_SUSPECT: { exit: "badData", status: 422, hint: "Look at the place shown: it may not do what was meant." },
  PACK_UNRESOLVED: {
    exit: "badData",
    status: 422,
    hint: "Install the module in the package folder, or correct the import.",
  },
  PACK_DESCRIBE_FAILED: {
    exit: "badData",
    status: 422,
    hint: "Importing the package must not fail: move work from the top of the module into tasks.",
  },
  PACK_NO_WORKFLOW: { exit: "badData", status: 422, hint: "Export at least one workflow() from the entry." },
  PARAMS_SCHEMA_UNSUPPORTED: {
    exit: "badData",
    status: 422,
    hint: "Describe params with zod 4 or a schema that has Standard JSON Schema.",
  },
  TYPES_WRONG: { exit: "badData", status: 422, hint: "Correct the source: the package's own tsc refuses it." },
  YAML_INVALID: { exit: "badData", status: 422, hint: "Correct workflow.yaml at the place shown." },
  NAME_INVALID: { exit: "badData", status: 422, hint: "Names match [a-z0-9][a-z0-9-]{0,62}." },
  VERSION_INVALID: { exit: "badData", status: 422, hint: "Use a semantic version such as 1.2.3." },
  WORKFLOW_REPEATED: { exit: "badData", status: 422, hint: "Give each workflow of a package its own name." },
  WORKFLOW_EMPTY: { exit: "badData", status: 422, hint: "Give the workflow at least one task." },
  TASK_REPEATED: { exit: "badData", status: 422, hint: "Give each task of a workflow its own name." },
  TASK_UNKNOWN: { exit: "badData", status: 422, hint: "Name tasks of the same workflow in `after`." },
  TASK_NOT_IN_BUNDLE: { exit: "badData", status: 422, hint: "Pack the package again with this version of Cascade." },
  GRAPH_CYCLE: { exit: "badData", status: 422, hint: "Remove one of the dependencies in the circle." },
  CRON_INVALID: {
    exit: "badData",
    status: 422,
    hint: "Use five fields (six with seconds), names, or @hourly and friends; see docs/schedules.md.",
  },
  TIMEZONE_UNKNOWN: { exit: "badData", status: 422, hint: "Use an IANA name such as Europe/Berlin." },
  DURATION_INVALID: { exit: "badData", status: 422, hint: "Write durations like 30s, 5m or 1h30m." },
  FIELD_INVALID: { exit: "badData", status: 422, hint: "Correct the field's type or value." },
  FIELD_UNKNOWN: { exit: "badData", status: 422, hint: "Remove the key, or correct its name." },
  SCHEDULE_REPEATED: { exit: "badData", status: 422, hint: "Give each schedule of a workflow its own `name`." },
  SCHEDULE_PARAMS_INVALID: {
    exit: "badData",
    status: 422,
    hint: "Give the rule params that satisfy the workflow's schema.",
  },

  // Packages as they arrive
  PACKAGE_TRUNCATED: { exit: "badData", status: 422, hint: "The file ends early; copy it again." },
  PACKAGE_CORRUPT: { exit: "badData", status: 422, hint: "The file is damaged; copy it again or pack it anew." },
  PACKAGE_UNSAFE: {
    exit: "badData",
    status: 422,
    hint: "The archive holds something a package may not hold; pack it with `cascade pack`.",
  },
  PACKAGE_TOO_LARGE: {
    exit: "badData",
    status: 422,
    hint: "Stay under 32 MB packed, 128 MB unpacked and 2,000 files.",
  },
  PACKAGE_INVALID: {
    exit: "badData",
    status: 422,
    hint: ({ file }) =>
      `Pack it again; \`cascade validate${file === undefined ? "" : ` '${file}'`}\` shows every problem of a file.`,
  },
  PACKAGE_TOO_COMPLEX: {
    exit: "badData",
    status: 422,
    hint: "Simplify the schemas of params, above all patterns with nested repetition, or make the package smaller.",
  },
  PACKAGE_NEEDS_NEWER_CASCADE: {
    exit: "badData",
    status: 422,
    hint: "Update Cascade, or pack the package with this version.",
  },
  PACKAGE_UNREADABLE: { exit: "permission", status: 422, hint: "Make the file readable for the daemon's user." },
  PACKAGE_CONFLICT: {
    exit: "badData",
    status: 409,
    hint: "Two files have one name and version but other content: give one a new version, or remove one.",
  },
  PACKAGE_UNKNOWN: { exit: "badData", status: 404, hint: "`cascade package list` shows what is loaded." },
  PACKAGE_UNSIGNED: {
    exit: "badData",
    status: 422,
    hint: "Sign it with `cascade package sign`, or let trust.toml take unsigned packages from this folder.",
  },
  PACKAGE_SIGNATURE_INVALID: {
    exit: "badData",
    status: 422,
    hint: "Do not trust this file; get it from its author again, or pack and sign it anew.",
  },
  PACKAGE_KEY_UNTRUSTED: {
    exit: "badData",
    status: 422,
    hint: "Sign it with a key that trust.toml names for this folder, or add the key there if you know whose it is.",
  },
  PACKAGE_KEY_EXPIRED: {
    exit: "badData",
    status: 422,
    hint: "Sign it with a key that is valid now, or correct not_before and not_after of the key in trust.toml.",
  },
  PACKAGE_KEY_REVOKED: {
    exit: "badData",
    status: 422,
    hint: "Look at what the package holds; if it is good, pack it anew and sign it with another key.",
  },
  PACKAGE_REVOKED: {
    exit: "badData",
    status: 422,
    hint: "Delete the file, and release a new version; `[revoked] packages` in trust.toml names what is revoked.",
  },
  PACKAGE_THRESHOLD: {
    exit: "badData",
    status: 422,
    hint: "Have further people sign it with `cascade package sign`; signatures that are there stay.",
  },
  PACKAGE_ROLLBACK: {
    exit: "badData",
    status: 422,
    hint: 'Release a higher version, revoke the bad one in trust.toml, or set rollback = "allow" for the folder.',
  },
  PACKAGE_NAME_REFUSED: {
    exit: "badData",
    status: 422,
    hint: "Drop it into another folder, or add its name to `names` of the folder in trust.toml.",
  },
  WATCH_UNSAFE: {
    exit: "permission",
    status: 422,
    hint: "Make the folder not world-writable and the files owned by root, the daemon or the folder's owner, or set allow_unsafe = true.",
  },
  WATCH_PASSED_OVER: {
    exit: "badData",
    status: 422,
    hint: "A watched folder takes files that are named NAME.cascade or NAME.cascade.yaml; move whatever else is there elsewhere.",
  },
  WATCH_UNREADABLE: {
    exit: "permission",
    status: 422,
    hint: "Create the folder, or make it readable for the daemon's user.",
  },
  WATCH_HINTS_LOST: {
    exit: "io",
    status: 500,
    hint: "Raise fs.inotify.max_user_watches and max_user_instances; until then packages are found by the scans.",
  },

  // Runs
  WORKFLOW_UNKNOWN: { exit: "badData", status: 404, hint: "`cascade workflow list` shows the workflows." },
  WORKFLOW_AMBIGUOUS: { exit: "usage", status: 409, hint: "Write the full name, package/workflow." },
  RUN_UNKNOWN: { exit: "badData", status: 404, hint: "`cascade run list` shows the runs." },
  ID_AMBIGUOUS: { exit: "usage", status: 409, hint: "Type more characters of the id." },
  SCHEDULE_UNKNOWN: { exit: "badData", status: 404, hint: "`cascade schedule list` shows the schedules." },
  SCHEDULE_AMBIGUOUS: { exit: "usage", status: 409, hint: "Write the full name, package/workflow/name." },
  PARAMS_INVALID: {
    exit: "badData",
    status: 422,
    hint: ({ workflow }) => `\`cascade workflow show${after(workflow)}\` shows the params that a workflow takes.`,
  },
  PARAMS_CHECK_TIMEOUT: {
    exit: "badData",
    status: 422,
    hint: "Simplify the workflow's schema of params, above all patterns with nested repetition, and pack it anew; or give smaller params.",
  },
  KEY_REUSED: { exit: "badData", status: 409, hint: "Use another --key for other params." },
  RUN_ENDED: { exit: "badData", status: 409, hint: "The run has ended; `cascade run show` tells how." },
  DISK_LOW: {
    exit: "temporary",
    status: 503,
    hint: "Free disk space, or inodes if the message names them; runs go on by themselves.",
  },

  // Attempts
  TASK_FAILED: {
    exit: "runFailed",
    status: 500,
    hint: ({ run, task }) => `\`cascade logs${after(run)}${after(task)}\` shows what it wrote.`,
  },
  TASK_TIMED_OUT: { exit: "runFailed", status: 500, hint: "Raise the task's timeout, or make it stop at ctx.signal." },
  TASK_CANCELLED: { exit: "runFailed", status: 500, hint: "The run was cancelled." },
  TASK_INTERRUPTED: {
    exit: "runFailed",
    status: 500,
    hint: 'The daemon stopped while it ran; it runs again unless it says onInterrupted: "fail".',
  },
  TASK_KILLS_DAEMON: {
    exit: "runFailed",
    status: 500,
    hint: "The daemon died each time this task ran; look at its memory use, then rerun it.",
  },
  TASK_EXITED: {
    exit: "runFailed",
    status: 500,
    hint: "The task ended its process; return a value instead of calling process.exit.",
  },
  TASK_KILLED: {
    exit: "runFailed",
    status: 500,
    hint: "The process was killed by a signal; look for the kernel's out-of-memory killer.",
  },
  TASK_PROTOCOL: {
    exit: "runFailed",
    status: 500,
    hint: "The process sent something that is not part of the protocol; keep away from file descriptors 3 and 4.",
  },
  TASK_OUTPUT_INVALID: { exit: "runFailed", status: 500, hint: "Return only values with a JSON form." },
  TASK_OUTPUT_TOO_LARGE: { exit: "runFailed", status: 500, hint: "Return less, or raise [task] output_max." },
  TASK_PARAMS_REFUSED: {
    exit: "runFailed",
    status: 500,
    hint: "The author's schema refused the params; see the message.",
  },
  ENV_MISSING: {
    exit: "runFailed",
    status: 500,
    hint: "Set the variable in the daemon's environment, or remove it from `cascade.env`.",
  },
  ENV_UNDECLARED: {
    exit: "badData",
    status: 422,
    hint: "Name the variable in `cascade.env` of package.json; tasks are given no other of the daemon's environment.",
  },
  HOST_START_FAILED: {
    exit: "runFailed",
    status: 500,
    hint: "The task process could not start; see the message and the limits of the host.",
  },
  RUN_TIMED_OUT: { exit: "runFailed", status: 500, hint: "Raise the workflow's timeout." },

  // Storage
  STORE_FULL: {
    exit: "temporary",
    status: 503,
    hint: "The disk, or a quota, is used up; free space and the daemon goes on by itself.",
  },
  STORE_BUSY: {
    exit: "temporary",
    status: 503,
    hint: "Another program keeps the database locked; everything goes on by itself when it lets go.",
  },
  STORE_FAILED: {
    exit: "io",
    status: 500,
    hint: "The database could not be written; check the disk and the kernel log.",
  },
  STORE_CORRUPT: {
    exit: "io",
    status: 500,
    hint: "The database is damaged; restore the newest backup of the whole data folder, and keep what is there until that runs.",
  },

  // Proofs
  PROOF_UNKNOWN: {
    exit: "badData",
    status: 404,
    hint: "Only ended runs have a proof; `cascade run show` tells the state.",
  },
  PROOF_PRUNED: {
    exit: "cannotTell",
    status: 410,
    hint: "It was let go by `retention.proofs`; a copy that someone kept verifies as before.",
  },
  PROOF_NOT_LOGGED: {
    exit: "temporary",
    status: 409,
    hint: "Ask again in a second; `cascade tlog status` tells whether the log goes on.",
  },
  PROOF_NOT_SIGNED: {
    exit: "temporary",
    status: 409,
    hint: "It waits for the signer; `cascade tlog status` tells why, if that does not sign.",
  },
  PROOF_INVALID: { exit: "runFailed", status: 422, hint: "Do not trust this file; compare it with another copy." },
  TLOG_DAMAGED: {
    exit: "io",
    status: 500,
    hint: "Restore the named file of tlog/ from a backup, or remove it to have it made again; `cascade tlog fsck` looks at all.",
  },
  TLOG_EMPTY: { exit: "badData", status: 404, hint: "The log begins with the first start of `cascade daemon`." },
  TLOG_FORKED: {
    exit: "badData",
    status: 500,
    hint: "Restore the newest copy of the whole data folder; `cascade tlog adopt` goes on with a new log instead.",
  },
  TLOG_IS_FINE: {
    exit: "badData",
    status: 409,
    hint: "Another log is opened only when this one cannot go on; `cascade tlog status` tells.",
  },
  TLOG_KEY_MISSING: {
    exit: "configuration",
    status: 500,
    hint: "Restore keys/ from a backup; `cascade tlog adopt` goes on with a new log instead.",
  },
  TLOG_PRUNED: {
    exit: "cannotTell",
    status: 410,
    hint: "Compare with a later checkpoint; tlog/retention.json tells what is kept.",
  },
  TLOG_ROLLED_BACK: {
    exit: "badData",
    status: 500,
    hint: "Restore the newest copy of the whole data folder; `cascade tlog adopt` goes on with a new log instead.",
  },
  TRUSTED_ROOT_INVALID: {
    exit: "badData",
    status: 422,
    hint: "Name a trusted_root.json as it lies in keys/ of a data folder.",
  },
  POLICY_INVALID: {
    exit: "configuration",
    status: 400,
    hint: "Correct the witness policy at the line shown; https://c2sp.org/tlog-policy tells its format.",
  },
  ANCHOR_UNKNOWN: {
    exit: "badData",
    status: 404,
    hint: "Anchors are configured in the file that `tlog.anchors` names; `cascade tlog status` shows them.",
  },
  ANCHOR_UNREACHABLE: {
    exit: "temporary",
    status: 502,
    hint: "It is tried again by itself; `cascade tlog status` shows when. Check the address and the network.",
  },
  ANCHOR_INVALID: {
    exit: "badData",
    status: 502,
    hint: "Nothing of the answer was kept. Check the address and the key or certificate that the anchor is configured with.",
  },
  KEY_MISSING: { exit: "usage", status: 400, hint: "Name the public key to trust with --key." },
  KEY_EXISTS: {
    exit: "cannotCreate",
    status: 409,
    hint: ({ name }) => `Choose another name, or use \`cascade key rotate${after(name)}\`.`,
  },
  KEY_UNKNOWN: { exit: "badData", status: 404, hint: "`cascade key list` shows the keys." },
  SIGNER_FAILED: {
    exit: "io",
    status: 500,
    hint: "See what the signer says, and that it has the key; nothing was changed.",
  },
  KEY_UNREADABLE: { exit: "configuration", status: 500, hint: "Restore keys/proof.pem from a backup with mode 0600." },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof errorCatalogue;

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCatalogue, code);
}

/** The next step of an error, for what it is about. */
export function hintOf(code: ErrorCode, about: HintDetails = {}): string {
  const { hint }: CatalogueEntry = errorCatalogue[code];
  return typeof hint === "string" ? hint : hint(about);
}

function after(word: string | undefined): string {
  return word === undefined ? "" : ` ${word}`;
}
