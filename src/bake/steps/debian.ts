/** A Debian base: the locked minbase packages, unpacked and configured by mmdebstrap from a repository that holds only them. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { exec } from '../../platform/exec.ts';
import { ensureDebs } from '../apt/deb-store.ts';
import { makeRepository } from '../apt/repository.ts';
import type { AptSource } from '../apt/sources.ts';
import { tidy } from '../apt/tidy.ts';
import { requireTool } from '../check.ts';
import { EPOCH_SECONDS } from '../contract.ts';
import type { LockedPackage } from '../lock-content.ts';
import { MORTAL } from '../sandbox.ts';
import { stepFailed } from './failure.ts';
import type { Step } from './step.ts';

export interface DebianSet {
  readonly suite: string;
  readonly architecture: string;
  readonly packages: readonly LockedPackage[];
  /** Asked for only when a package has to be downloaded. */
  readonly sources: () => Promise<readonly AptSource[]>;
}

/** What a set is to the key: names and hashes; where it was downloaded from does not count. */
export const identityOf = ({ suite, architecture, packages }: DebianSet): unknown => ({
  suite,
  architecture,
  packages: packages.map((item) => [item.name, item.sha256]),
});

export function debianStep(set: DebianSet, name: string): Step {
  return {
    name,
    kind: 'debian',
    inputs: async () => identityOf(set),
    apply: async ({ work, upper }, { deps, signal, onText }) => {
      await requireTool('mmdebstrap');
      await ensureDebs(deps.home, set.packages, set.sources, signal);
      const repository = join(work, 'repository');
      await makeRepository(deps.home, repository, set, set.packages);
      const result = await exec('setpriv', [...MORTAL, 'mmdebstrap', ...argumentsFor(set, upper, repository)], {
        signal,
        env: { PATH: process.env['PATH'], LC_ALL: 'C', TMPDIR: work, SOURCE_DATE_EPOCH: String(EPOCH_SECONDS) },
        onOutput: (chunk) => onText(chunk.toString('utf8')),
      }).catch((error: unknown) => {
        throw signal.aborted ? signal.reason : error;
      });
      if (result.code !== 0)
        throw stepFailed(name, result, 'is the disk full, or does the machine restrict root? `kiln doctor` looks');
      await tidy(upper);
      await rm(repository, { recursive: true });
    },
  };
}

/** `apt` is essential packages and apt; the rest of minbase comes by name, so that what is locked is what is there. */
function argumentsFor(set: DebianSet, target: string, repository: string): readonly string[] {
  return [
    '--mode=root',
    '--format=directory',
    '--variant=apt',
    `--architectures=${set.architecture}`,
    `--include=${set.packages.map((item) => item.name).join(',')}`,
    '--aptopt=APT::Sandbox::User "root"',
    '--dpkgopt=force-unsafe-io',
    set.suite,
    target,
    `deb [trusted=yes] copy://${repository} ${set.suite} main`,
  ];
}
