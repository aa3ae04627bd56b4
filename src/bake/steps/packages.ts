/** Debian packages on top of a root that has apt: the locked set, from a repository that holds only it, without network. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { ensureDebs } from '../apt/deb-store.ts';
import { makeRepository } from '../apt/repository.ts';
import { tidy } from '../apt/tidy.ts';
import { EPOCH_SECONDS } from '../contract.ts';
import { runInSandbox } from '../sandbox.ts';
import { makeFolder } from '../work-folder.ts';
import { identityOf, type DebianSet } from './debian.ts';
import { stepFailed } from './failure.ts';
import { DEFAULT_PATH } from './run.ts';
import type { Step } from './step.ts';

const INSIDE = '/run/kiln/repository';

/** Everything that apt writes besides the packages themselves goes where the layer doesn't see it. */
const APT_OPTIONS = [
  'APT::Sandbox::User=root',
  'Dir::Cache=/tmp/apt',
  'Dir::Etc::SourceList=/run/kiln/sources.list',
  'Dir::Etc::SourceParts=/dev/null',
  'Dir::Log=/tmp/apt',
  'Dir::State::Lists=/tmp/apt/lists',
  'Dpkg::Options::=--force-confdef',
  'Dpkg::Options::=--force-confold',
  'Dpkg::Options::=--force-unsafe-io',
  'Dpkg::Use-Pty=0',
];

export function packagesStep(names: readonly string[], set: DebianSet, name: string): Step {
  return {
    name,
    kind: 'packages',
    inputs: async () => ({ names, ...(identityOf(set) as object) }),
    apply: async (root, { deps, signal, onText }) => {
      await ensureDebs(deps.home, set.packages, set.sources, signal);
      const repository = await makeFolder(join(root.work, 'repository'));
      await makeRepository(deps.home, repository, set, set.packages);
      const list = join(root.work, 'sources.list');
      await writeFile(list, `deb [trusted=yes] file:${INSIDE} ${set.suite} main\n`, { mode: 0o644 });
      const command = {
        args: ['/bin/sh', '-ec', script(), 'packages', ...names],
        env: {
          PATH: DEFAULT_PATH,
          LC_ALL: 'C',
          DEBIAN_FRONTEND: 'noninteractive',
          HOME: '/root',
          SOURCE_DATE_EPOCH: String(EPOCH_SECONDS),
        },
        cwd: '/',
        network: false,
        mounts: [
          { kind: 'bind', from: repository, path: INSIDE, writable: false },
          { kind: 'bind', from: list, path: '/run/kiln/sources.list', writable: false },
        ] as const,
      };
      const result = await runInSandbox(root, command, { home: deps.home, signal, onText });
      if (result.code !== 0) throw stepFailed(name, result, 'a package could not be installed; its own output above says why');
      await tidy(root.upper);
    },
  };
}

function script(): string {
  const apt = ['apt-get', ...APT_OPTIONS.map((option) => `-o ${option}`)].join(' ');
  return `mkdir -p /tmp/apt/archives/partial /tmp/apt/lists/partial
${apt} -qq update
exec ${apt} -qq -y --no-install-recommends install -- "$@"`;
}
