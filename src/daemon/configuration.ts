/** Configuration that is kept elsewhere, as fleets have it: pinned for a deploy, compared, and asked after. */
import type { ConfigurationChangeBody } from '../api/configuration-bodies.ts';
import type { Handlers, ParsedOf } from '../api/schema.ts';
import type { Resolution } from '../config/configuration.ts';
import type { FleetId } from '../domain/ids.ts';
import { placeOf } from '../domain/reference.ts';
import type { ReleaseContent } from '../domain/release.ts';
import type { ResolvedEnvironment } from '../spec/environment.ts';
import { referencesOf } from '../spec/references.ts';
import { resolveFleet } from './names.ts';
import type { Parts } from './parts.ts';
import { pinnedBody, referencesIn, stateBody, targetOf } from './references.ts';

/** Pins every reference of the environment. Nothing is kept yet. Throws as `Configuration.resolve`. */
export async function resolveReferences(
  parts: Parts,
  fleet: FleetId,
  environment: ResolvedEnvironment,
  { folder, variables = {} }: Pick<ParsedOf<'deploy'>, 'folder' | 'variables'>,
  signal: AbortSignal,
): Promise<Resolution> {
  const current = referencesIn(targetOf(parts.fleets, fleet)?.content);
  return parts.configuration.resolve(referencesOf(environment.run), { caller: { folder, variables }, current, signal });
}

/** What a deploy of the content would change of the fleet's references. */
export function changesTo(parts: Parts, { fleet, launch }: ReleaseContent): readonly ConfigurationChangeBody[] {
  const before = new Map(
    referencesIn(targetOf(parts.fleets, fleet)?.content).map((reference) => [placeOf(reference.to), reference]),
  );
  const after = new Map((launch.references ?? []).map((reference) => [placeOf(reference.to), reference]));
  return [...new Set([...before.keys(), ...after.keys()])].toSorted().flatMap((to) => {
    const [was, is] = [before.get(to), after.get(to)];
    const isSame = was !== undefined && is !== undefined && was.from === is.from && was.pin.fingerprint === is.pin.fingerprint;
    return isSame ? [] : [{ to, was: was === undefined ? null : pinnedBody(was), is: is === undefined ? null : pinnedBody(is) }];
  });
}

export function configurationVerbs(parts: Parts): Pick<Handlers, 'configuration'> {
  return {
    async configuration({ service }) {
      const fleet = resolveFleet(service, parts.fleets.list());
      const release = targetOf(parts.fleets, fleet);
      const references = (await parts.drift.look(fleet)).map(stateBody);
      return { fleet, release: release?.number ?? null, references };
    },
  };
}
