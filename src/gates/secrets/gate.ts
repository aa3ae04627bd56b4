/** The gate `secrets`: nothing that is in the image, in whichever layer, may open a door somewhere else. */
import type { Severity } from '../../domain/gate.ts';
import type { Layer } from '../../oci/store.ts';
import type { Finding, Gate, GateSubject } from '../contract.ts';
import { findingOf } from '../finding.ts';
import { contentsOf, type Contents } from '../lint/contents.ts';
import { ASSIGNED } from './assignments.ts';
import { layerSecrets, type LayerSecret } from './layer.ts';
import { SECRET_RULES } from './rules.ts';
import { settingSecrets } from './settings.ts';

const FIX =
  'take it out where it comes in (deleting it in a later step keeps it in the layer below), give it at launch, and make the present one worthless';

const RULES = new Map<string, { readonly severity: Severity; readonly name: string }>(
  [...SECRET_RULES, ASSIGNED].map(({ id, severity, name }) => [id, { severity, name }]),
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
      const { found, more } = await layerSecrets(subject, layer);
      const contents = found.length === 0 ? new Map<string, never>() : await contentsOf(subject);
      findings.push(...found.map((each) => fileFinding(each, layer, contents, subject)));
      if (more > 0) findings.push(overflow(more, layer, subject));
    }
    return { findings, why: summary(subject, findings), predicates: [] };
  },
};

const NOWHERE = { path: null, layer: null };
const ruleNamed = (id: string): { readonly severity: Severity; readonly name: string } =>
  RULES.get(id) ?? { severity: 'high', name: 'a secret' };
const quoted = (masked: string): string => (masked === '' ? '' : ` (${masked})`);

function fileFinding(
  { path, line, rule, masked, hint }: LayerSecret,
  layer: Layer,
  contents: Contents,
  { policy }: GateSubject,
): Finding {
  const { severity, name } = ruleNamed(rule);
  const place = `/${Buffer.from(path, 'latin1').toString('utf8')}`;
  const deleted = contents.has(path) ? '' : '; a later layer deletes the file, and the secret stays in this one';
  return findingOf(
    {
      gate: 'secrets',
      rule,
      severity: severityAt(path, rule, severity),
      what: `${place} holds ${name}${quoted(masked)}${deleted}`,
      where: { path: place, layer: layer.diffId, ...(line === null ? {} : { line }) },
      fix: FIX,
    },
    [path, hint],
    policy,
  );
}

/** What distributions and package managers lay out. */
const FOREIGN =
  /^usr\/(?:share|lib|lib64|libexec|include|src)\/|(?:^|\/)(?:node_modules|site-packages|dist-packages|gems|go\/pkg\/mod)\//;
/** Where packages keep what only looks like a secret: keys of their tests, examples of their documents, self-tests in libraries. */
const SHOWN_TO_ALL =
  /(?:^|\/)(?:tests?|testing|test[_-]?data|__tests__|spec|fixtures|examples?|docs?|samples?|dummyserver|__pycache__|copyright)(?:\/|$)|\.(?:so[\d.]*|a|md|rst|html|pyc|d\.ts)$|_test\.\w+$|\.test\.\w+$|PKG-INFO$/;
/** Whose form alone says little. */
const LOOSE: ReadonlySet<string> = new Set(['basic-auth-url', 'jwt', 'gcp-api-key', 'azure-sas', ASSIGNED.id]);

/** In a package's own tests and documents a key is known to everybody: told, but it fails nothing. */
function severityAt(path: string, rule: string, severity: Severity): Severity {
  if (!FOREIGN.test(path)) return severity;
  return SHOWN_TO_ALL.test(path) || LOOSE.has(rule) ? 'note' : severity;
}

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
