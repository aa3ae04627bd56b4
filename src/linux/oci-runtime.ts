/** The OCI runtime's command line (`runc` or `crun`: the same for all that is used here). */
import { exec, run, type ExecResult } from '../platform/exec.ts';

export interface OciRuntime {
  /** The program's whole path: conmon takes no other. */
  readonly program: string;
  /** Where it keeps its state. */
  readonly root: string;
  start(id: string, signal?: AbortSignal): Promise<void>;
  /** `created`: its process waits to be started. Null: there is no such container. */
  state(id: string): Promise<string | null>;
  /** Runs to the end in the foreground; killed with us. */
  runToEnd(id: string, bundle: string, signal: AbortSignal): Promise<ExecResult>;
  /** Kills what runs and removes what the runtime keeps. Absent is success. */
  remove(id: string): Promise<void>;
}

export function ociRuntime(program: string, root: string): OciRuntime {
  const global = ['--root', root];
  return {
    program,
    root,
    start: async (id, signal) => {
      await run(program, [...global, 'start', id], signal === undefined ? {} : { signal });
    },
    state: async (id) => {
      const result = await exec(program, [...global, 'state', id]);
      if (result.code === 0) return (JSON.parse(result.stdout) as { readonly status: string }).status;
      if (/does not exist/.test(result.stderr)) return null;
      throw new Error(`${program} state ${id}: ${result.stderr.trim()}`);
    },
    runToEnd: (id, bundle, signal) =>
      exec('setpriv', ['--pdeathsig', 'KILL', '--', program, ...global, 'run', '--bundle', bundle, id], { signal }),
    remove: async (id) => {
      const result = await exec(program, [...global, 'delete', '--force', id]);
      if (result.code !== 0 && !/does not exist/.test(result.stderr))
        throw new Error(`${program} delete ${id}: ${result.stderr.trim()}`);
    },
  };
}
