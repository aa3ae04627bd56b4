/** The tests of a spec, and what an instance is booted with for them. */
import type { Digest } from '../domain/digest.ts';
import { fleetId, type EnvironmentName, type ServiceName } from '../domain/ids.ts';
import { TRIAL_ENVIRONMENT, type ImageTest, type ImageTestKind } from '../domain/image-test.ts';
import type { ReleaseContent, Scratch } from '../domain/release.ts';
import { environmentOf } from './environment.ts';
import type { Spec } from './parse.ts';
import { withTestValues } from './references.ts';
import { releaseContent, type ImageFacts } from './release.ts';
import type { TestSpec } from './schema/test.ts';
import { testKind } from './test-kind.ts';

export const imageTestsOf = ({ image: { test } }: Spec): readonly ImageTest[] =>
  test.map((each) => ({ ...kindOf(each), withinMs: each.within }));

function kindOf(test: TestSpec): ImageTestKind {
  if ('http' in test || 'command' in test) return testKind(test);
  if ('file' in test) {
    const { file: path, exists, mode = null, owner = null, content = null } = test;
    return { kind: 'file', path, exists, mode, owner, content };
  }
  if ('user' in test) return { kind: 'user', user: test.user };
  return 'script' in test ? { kind: 'script', path: test.script } : { kind: 'port', port: test.port };
}

const VOLUME_BYTES = 64 << 20;
/** There is nothing that an instance without traffic would have to finish. */
const GRACE_MS = 100;

/**
 * As the first environment would launch it (`local`, where there is one), but without what is not its own: volumes are
 * empty and in memory, what is kept elsewhere is not asked for, nothing listens for it, and its logs stay here. Throws as `releaseContent`.
 */
export function trialContent(spec: Spec, image: Digest, facts: ImageFacts): ReleaseContent {
  const names = Object.keys(spec.environments);
  const environment = environmentOf(spec, names.includes('local') ? 'local' : (names[0] ?? null));
  const run = withTestValues(environment.run);
  const content = releaseContent(spec, { ...environment, run, listen: null, preview: null }, image, facts);
  const { launch } = content;
  const instead = launch.volumes.map(({ path }): Scratch => ({ path, sizeBytes: VOLUME_BYTES }));
  return {
    ...content,
    fleet: fleetId(spec.service as ServiceName, TRIAL_ENVIRONMENT as EnvironmentName),
    launch: {
      ...launch,
      stopGraceMs: GRACE_MS,
      volumes: [],
      scratch: [...launch.scratch, ...instead],
      logs: { ...launch.logs, ship: null },
    },
  };
}
