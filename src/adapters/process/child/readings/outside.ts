/** These repeat what the SDK promises: packages bring their own copy of it. */
export interface ExecOptions {
  cwd?: string;
  env?: Readonly<Record<string, string>>;
  input?: string;
}

export interface ExecResult {
  exitCode: number | null;
  signal: string | null;
  stdout: string;
  stderr: string;
}

export interface FileReader {
  (path: string): Promise<Uint8Array>;
  (path: string, encoding: "utf8"): Promise<string>;
}
