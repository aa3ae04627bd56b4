/** What a command is: one line in the table (table.ts) and one file in commands/, loaded only when it is called. */
import type { Client } from '../client/client.ts';
import type { Home } from '../platform/home.ts';
import type { Arguments } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** What the shell can complete a word with. `none`: nothing. */
export type Completes = Asked | 'folder' | 'shell' | 'strategy' | 'sbom-format' | 'none';

/** What the scripts ask of the hidden command `complete-words` when a key is pressed. */
export type Asked = 'service' | 'image' | 'channel' | 'environment' | 'release' | 'instance';

export type Group = 'Images' | 'Evidence' | 'Fleets' | 'History' | 'This machine' | 'hidden';

export interface ArgumentSpec {
  /** Upper case, as in the help: SERVICE. */
  readonly name: string;
  readonly required: boolean;
  readonly summary: string;
  readonly completes: Completes;
}

export interface OptionSpec {
  /** `-f, --follow`, `--tail <N>`. */
  readonly flags: string;
  readonly summary: string;
  readonly completes: Completes;
  /** May be given several times. */
  readonly repeats?: boolean;
}

export interface CommandSpec {
  /** `bake`, or `history verify` for a command below another. */
  readonly name: string;
  /** Where the help lists it. */
  readonly group: Group;
  readonly summary: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly example: string;
  /** Exit codes beyond those that every command has, with when. */
  readonly exits: Readonly<Record<number, string>>;
  readonly load: () => Promise<{ readonly run: Run }>;
}

export interface Context {
  readonly home: Home;
  readonly env: NodeJS.ProcessEnv;
  /** Where relative paths start. */
  readonly cwd: string;
  readonly terminal: Terminal;
  /** --json: nothing may be printed on the way. */
  readonly json: boolean;
  /** Fires at Ctrl-C, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Who gave the command, for the history. */
  readonly by: string;
  /** Ms since the epoch. */
  readonly now: () => number;
  /** A client of the daemon, which is started where none runs and `start` is not false; without these variables of ours. */
  readonly connect: (options?: { readonly start: boolean; readonly without?: readonly string[] }) => Promise<Client>;
}

/** What a command answers: the same facts as a document and as text. program.ts prints one of them. */
export interface Result {
  readonly document: unknown;
  readonly lines: readonly string[];
  /** 0 where it is absent. */
  readonly exitCode?: number;
}

export type Run = (args: Arguments, context: Context) => Promise<Result>;
