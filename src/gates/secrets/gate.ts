/** The gate `secrets`: nothing that is in the image, in whichever layer, may open a door somewhere else. */
import type { Severity } from '../../domain/gate.ts';
import type { Layer } from '../../oci/store.ts';
import type { Finding, Gate, GateSubject } from '../contract.ts';
import { findingOf } from '../finding.ts';
import { contentsOf, type Contents } from '../lint/contents.ts';
import { ASSIGNED } from './assignments.ts';
import { layerSecrets, type LayerSecret } from './layer.ts';
import { SECRET_RULES } from './rules/all.ts';
import { settingSecrets } from './settings.ts';
import { QUOTED } from './sources.ts';

const FIX =
  'take it out where it comes in (deleting it in a later step keeps it in the layer below), give it at launch, and make the present one worthless';

const RULES = new Map<string, { readonly severity: Severity; readonly name: string }>(
  [...SECRET_RULES, ASSIGNED, QUOTED].map(({ id, severity, name }) => [id, { severity, name }]),
);

export const secretsGate: Gate = {
  name: 'secrets',
  run: async (subject) => {
    const { image, policy, signal } = subject;
    const findings: Finding[] = settingSecrets(image).map(({ rule, masked, hint, place }) => {
      const { severity, name } = ruleNamed(rule);
      const what = `${place} holds ${name}${quoted(masked)}`;
      return findingOf({ gate: 'secrets', rule, severity, what, where: NOWHERE, fix: FIX }, [place, hint], policy);
    });
    for (const layer of image.layers) {
      signal.throwIfAborted();
      const { found, more, cut } = await layerSecrets(subject, layer);
      const contents = found.length === 0 ? new Map<string, never>() : await contentsOf(subject);
      findings.push(...found.map((each) => fileFinding(each, layer, contents, subject)));
      if (more > 0) findings.push(overflow(more, layer, subject));
      if (cut) findings.push(unlooked(layer, subject));
    }
    return { findings, why: summary(subject, findings), predicates: [] };
  },
};

const NOWHERE = { path: null, layer: null };
const ruleNamed = (id: string): { readonly severity: Severity; readonly name: string } =>
  RULES.get(id) ?? { severity: 'high', name: 'a secret' };
const quoted = (masked: string): string => (masked === '' ? '' : ` (${masked})`);

function fileFinding(
  { path, inner, line, rule, masked, hint, packaged }: LayerSecret,
  layer: Layer,
  contents: Contents,
  { policy }: GateSubject,
): Finding {
  const { severity, name } = ruleNamed(rule);
  const place = `/${shown(path)}`;
  const within = inner === null ? '' : ` (in it ${shown(inner)})`;
  const deleted = contents.has(path) ? '' : '; a later layer deletes the file, and the secret stays in this one';
  return findingOf(
    {
      gate: 'secrets',
      rule,
      severity: packaged ? severityOfPackaged(inner === null ? path : `${path}/${inner}`, rule, severity) : severity,
      what: `${place}${within} holds ${name}${quoted(masked)}${deleted}`,
      where: { path: place, layer: layer.diffId, ...(line === null ? {} : { line }) },
      fix: FIX,
    },
    inner === null ? [path, hint] : [path, inner, hint],
    policy,
  );
}

const shown = (path: string): string => Buffer.from(path, 'latin1').toString('utf8');

/** Where packages keep what only looks like a secret: keys of their tests, examples of their documents, self-tests in libraries. */
const SHOWN_TO_ALL =
  /(?:^|\/)(?:tests?|testing|test[_-]?data|__tests__|spec|fixtures|examples?|docs?|samples?|dummyserver|__pycache__|copyright)(?:\/|$)|\.(?:so[\d.]*|a|md|rst|html|pyc|d\.ts)$|_test\.\w+$|\.test\.\w+$|PKG-INFO$/;
/** Whose form alone says little. */
const LOOSE: ReadonlySet<string> = new Set(['basic-auth-url', 'connection-string', 'jwt', 'gcp-api-key', 'azure-sas']);

/** In a package's own tests and documents a key is known to everybody: told, but it fails nothing. */
function severityOfPackaged(path: string, rule: string, severity: Severity): Severity {
  return SHOWN_TO_ALL.test(path) || LOOSE.has(rule) ? 'note' : severity;
}

/** Loud, and no reason to stop a bake by itself. */
const unlooked = (layer: Layer, { policy }: GateSubject): Finding =>
  findingOf(
    {
      gate: 'secrets',
      rule: 'packed-too-large',
      severity: 'note',
      what: 'what is packed into files of the layer is larger than 4 GiB, and the rest of it was not looked at',
      where: { path: null, layer: layer.diffId },
      fix: 'unpack it in the recipe, or leave it out',
    },
    [layer.diffId],
    policy,
  );

const overflow = (more: number, layer: Layer, { policy }: GateSubject): Finding =>
  findingOf(
    {
      gate: 'secrets',
      rule: 'more-secrets',
      severity: 'high',
      what: `the layer holds ${more} more that look like secrets`,
      where: { path: null, layer: layer.diffId },
      fix: 'mend those that are listed first',
    },
    [layer.diffId],
    policy,
  );

function summary({ image: { layers } }: GateSubject, findings: readonly Finding[]): string {
  const looked = `${layers.length} ${layers.length === 1 ? 'layer' : 'layers'}, settings and history`;
  const blocking = findings.filter(({ blocks }) => blocks).length;
  const rest = findings.length - blocking;
  const harmless = rest === 0 ? '' : `, ${rest} in tests and documents of packages`;
  return `${blocking === 0 ? 'no secret' : `${blocking} found`} in ${looked}${harmless}`;
}
