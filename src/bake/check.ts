/** The programs that bakes call, for `kiln doctor` and for the step that finds one missing. Kernel and runtime are the host engine's. */
import { KilnError } from '../errors/error.ts';
import { findProgram } from '../linux/programs.ts';
import { missingPrograms, type MissingProgram, type Requirement } from '../linux/requirements.ts';

export const BAKE_PROGRAMS = [
  {
    program: 'getfattr',
    debianPackage: 'attr',
    why: 'without it nothing can be baked: it reads what a layer is to hold',
    fatal: true,
  },
  {
    program: 'setpriv',
    debianPackage: 'util-linux',
    why: 'without it nothing can be baked: it ends a step with its daemon',
    fatal: true,
  },
  {
    program: 'unshare',
    debianPackage: 'util-linux',
    why: 'without it nothing can be baked: it keeps a step to itself',
    fatal: true,
  },
  { program: 'runc', debianPackage: 'runc', why: '`run:` and `packages:` need it', fatal: false },
  { program: 'mmdebstrap', debianPackage: 'mmdebstrap', why: '`from: debian:…` needs it', fatal: false },
  { program: 'apt-get', debianPackage: 'apt', why: '`from: debian:…` and `packages:` need it', fatal: false },
  { program: 'dpkg-deb', debianPackage: 'dpkg', why: '`from: debian:…` and `packages:` need it', fatal: false },
  { program: 'buildah', debianPackage: 'buildah', why: '`dockerfile:` needs it', fatal: false },
  { program: 'taskset', debianPackage: 'util-linux', why: '`kiln bake --verify` bakes on one processor with it', fatal: false },
  { program: 'faketime', debianPackage: 'faketime', why: '`kiln bake --verify` bakes on another day with it', fatal: false },
  { program: 'git', debianPackage: 'git', why: 'without it images do not say of which revision they are', fatal: false },
] as const satisfies readonly Requirement[];

export type BakeProgram = (typeof BAKE_PROGRAMS)[number]['program'];

export const checkBake = (): Promise<readonly MissingProgram[]> => missingPrograms(BAKE_PROGRAMS);

/** For programs that are started by others, which would only end with a code. Throws BAKE_TOOL_MISSING. */
export async function requireTool(program: BakeProgram): Promise<void> {
  if ((await findProgram(program)) !== null) return;
  const { debianPackage, why } = BAKE_PROGRAMS.find((each) => each.program === program) ?? { debianPackage: program, why: '' };
  throw new KilnError('BAKE_TOOL_MISSING', `${program} is not installed: ${why}`, {
    hint: `apt-get install ${debianPackage}; \`kiln doctor\` says what else is missing`,
  });
}
