/**
 * The command line: finds the command in the table, runs it, prints its answer as text or as one JSON document, and turns
 * what was thrown into an exit code. Commands decide nothing about printing errors, JSON or exit codes themselves.
 */
import { Argument, Command, CommanderError, Option } from 'commander';

import { KilnError } from '../errors/error.ts';
import { kilnHome } from '../platform/home.ts';
import { argumentsOf } from './arguments.ts';
import { withoutVariables } from './caller-variables.ts';
import type { CommandSpec, Context, Result } from './command.ts';
import { asKilnError, failureDocument, failureLines } from './failure.ts';
import { COMMANDS, COMMON_OPTIONS, EXIT_CODES } from './table.ts';
import { harmlessLogLine, terminalOf, type Terminal } from './terminal.ts';
import { version } from '../platform/version.ts';

type Invoke = (spec: CommandSpec, command: Command) => Promise<void>;

/** `argv` without node and script. Answers the exit code; never throws. */
export async function runCli(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<number> {
  const terminal = terminalOf(env);
  const interruption = watchInterruption();
  let exitCode = 0;
  const invoke: Invoke = async (spec, command) => {
    const context = contextOf(env, terminal, command.optsWithGlobals()['json'] === true, interruption.signal);
    const { run } = await spec.load();
    const result = await run(argumentsOf(positionalsOf(spec, command), command.optsWithGlobals()), context);
    print(result, context);
    exitCode = result.exitCode ?? 0;
  };
  try {
    const program = buildProgram(terminal, invoke);
    if (argv.length === 0) program.outputHelp();
    else await program.parseAsync([...argv], { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (interruption.readerLeft()) return exitCode;
    if (thrown instanceof CommanderError && thrown.exitCode === 0) return 0;
    return fail(asKilnError(thrown), terminal, argv);
  } finally {
    interruption.stop();
  }
}

function print(result: Result, context: Context): void {
  if (context.json) context.terminal.write(`${JSON.stringify(result.document, null, 2)}\n`);
  // What a caller named is in some of the lines: nothing but colours reaches the terminal.
  else if (result.lines.length > 0) context.terminal.write(`${result.lines.map(harmlessLogLine).join('\n')}\n`);
}

function fail(error: KilnError, terminal: Terminal, argv: readonly string[]): number {
  if (argv.includes('--json')) terminal.write(`${JSON.stringify(failureDocument(error), null, 2)}\n`);
  const lines = failureLines(error, terminal, argv.includes('--debug'));
  terminal.complain(`${lines.join('\n')}\n`);
  return error.exitCode;
}

function contextOf(env: NodeJS.ProcessEnv, terminal: Terminal, json: boolean, signal: AbortSignal): Context {
  const home = kilnHome(env, process.getuid?.() ?? 0);
  return {
    home,
    env,
    cwd: process.cwd(),
    terminal,
    json,
    signal,
    by: env['SUDO_USER'] ?? env['USER'] ?? `user ${process.getuid?.() ?? '?'}`,
    now: () => Date.now(),
    async connect(options = { start: true }) {
      const { connect } = await import('../client/connect.ts');
      return connect(home, {
        start: options.start,
        env: withoutVariables(env, options.without ?? []),
        signal,
        onSlowStart: (pid) => terminal.complain(slowStart(pid)),
      });
    },
  };
}

const slowStart = (pid: number | null): string =>
  `the daemon${pid === null ? '' : ` (process ${pid})`} is still starting; waiting for it\n`;

const positionalsOf = (spec: CommandSpec, command: Command): Record<string, string | undefined> =>
  Object.fromEntries(spec.arguments.map(({ name }, index) => [name, command.processedArgs[index] as string | undefined]));

// ------------------------------------------------------------------------------------------------ commander's side

/** Also what the reference and the completions are checked against. */
export function buildProgram(terminal: Pick<Terminal, 'write'>, invoke: Invoke): Command {
  const program = new Command('kiln')
    .description('Immutable infrastructure in one tool: bake an image, deploy exactly that digest, replace to change anything.')
    .version(version(), '--version', 'the version of Kiln')
    .helpOption('--help', 'this text')
    .helpCommand(false)
    .configureHelp({ subcommandTerm: wordsOf })
    .exitOverride()
    .configureOutput({ writeOut: (text) => terminal.write(text), writeErr: () => {}, outputError: () => {} })
    .addHelpText('after', exitCodeText({}));
  const byName = new Map<string, Command>([['', program]]);
  for (const spec of COMMANDS) byName.set(spec.name, addCommand(byName, spec, invoke));
  return program;
}

/** `scale <SERVICE> <N>`: every command has options, so the overview does not say so. */
const wordsOf = (command: Command): string =>
  [command.name(), ...command.registeredArguments.map((each) => (each.required ? `<${each.name()}>` : `[${each.name()}]`))].join(
    ' ',
  );

function addCommand(byName: ReadonlyMap<string, Command>, spec: CommandSpec, invoke: Invoke): Command {
  const words = spec.name.split(' ');
  const parent = byName.get(words.slice(0, -1).join(' '));
  if (parent === undefined) throw new RangeError(`the table has "${spec.name}" before the command that it belongs to`);
  const command = parent
    .command(words.at(-1) ?? '', { hidden: spec.group === 'hidden' })
    .summary(spec.summary)
    .description(spec.summary)
    .helpGroup(`${spec.group}:`)
    .helpOption('--help', 'this text')
    .allowExcessArguments(false)
    // What stands after the name of a command below this one is that command's.
    .enablePositionalOptions()
    .addHelpText('after', `\nExample:\n  $ ${spec.example}\n${exitCodeText(spec.exits)}`)
    .action((...given: unknown[]) => invoke(spec, given.at(-1) as Command));
  for (const { name, required, summary } of spec.arguments) {
    command.addArgument(new Argument(required ? `<${name}>` : `[${name}]`, summary));
  }
  for (const { flags, summary, repeats } of [...spec.options, ...COMMON_OPTIONS]) {
    const option = new Option(flags, summary);
    command.addOption(repeats === true ? option.argParser(gather) : option);
  }
  return command;
}

const gather = (value: string, before: readonly string[] | undefined): readonly string[] => [...(before ?? []), value];

function exitCodeText(own: Readonly<Record<number, string>>): string {
  const lines = Object.entries({ ...EXIT_CODES, ...own }).map(([code, when]) => `  ${code.padEnd(5)}${when}`);
  return `\nExit codes:\n${lines.join('\n')}`;
}

// ---------------------------------------------------------------------------------------------------- interruption

interface Interruption {
  readonly signal: AbortSignal;
  /** Whoever read the output has gone (`kiln history | head`): no failure, nothing more to do. */
  readerLeft(): boolean;
  stop(): void;
}

/** The first Ctrl-C asks the command to end; the second ends the process as if nobody had listened. */
function watchInterruption(): Interruption {
  const controller = new AbortController();
  let readerLeft = false;
  const interrupted = (): void => {
    controller.abort(
      new KilnError('INTERRUPTED', 'interrupted', { hint: 'work given to the daemon goes on: `kiln status` shows it' }),
    );
  };
  const onOutputError = (error: NodeJS.ErrnoException): void => {
    if (error.code !== 'EPIPE') throw error;
    readerLeft = true;
    controller.abort(error);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  process.stdout.on('error', onOutputError);
  return {
    signal: controller.signal,
    readerLeft: () => readerLeft,
    stop: () => void process.off('SIGINT', interrupted).off('SIGTERM', interrupted),
  };
}
