/** A look at a running instance from outside: what its process sees, without a way to change it. */
export interface SeenFile {
  readonly kind: 'file' | 'folder' | 'other';
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

export interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/** How a command ended. Of each stream the end is kept. */
export interface Ending {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly signal: string | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Inside {
  readonly ip: string;
  /** Whom its process runs as now. Throws where it has ended. */
  processIds(): Promise<Ids>;
  /** By the accounts of its image: `app`, `app:app`, `1000:1000`. Throws LAUNCH_FAILED for one that is not there. */
  idsOf(account: string): Promise<Ids>;
  /** Links are followed as its process would. Null: nothing is there. */
  file(path: string): Promise<SeenFile | null>;
  /** The first `maxBytes` of a file; null for what is none. */
  read(path: string, maxBytes: number): Promise<Buffer | null>;
  /** Runs a command to its end in a container of its own: same image, network, user and environment, unable to write. */
  runBeside(command: readonly string[], signal: AbortSignal): Promise<Ending>;
}
