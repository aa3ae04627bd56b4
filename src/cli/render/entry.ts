/** One entry of the history in words. Entries are JSON of many kinds: what is not known here is shown as it is. */
import type { EntryBody } from '../../client/client.ts';
import { harmless } from '../terminal.ts';
import { bytes, counted, duration, moment, share } from './amounts.ts';

type Data = Readonly<Record<string, unknown>>;

const WORDS: Readonly<Record<string, (data: Data) => string>> = {
  'command.given': ({ command, by }) => `${textOf(command)}, given by ${textOf(by)}`,
  'plan.refused': ({ objections }) => `a plan was refused as unsafe: ${JSON.stringify(objections)}`,
  'step.intent': ({ step, ...rest }) => `begin ${textOf(step)}${scalarsOf(rest)}`,
  'step.done': ({ intent }) => `done with ${textOf(intent)}`,
  'step.failed': ({ intent, why }) => `failed with ${textOf(intent)}: ${textOf(why)}`,
  'bake.started': ({ folder, service }) => `bake of ${textOf(service)} started in ${textOf(folder)}`,
  'bake.verified': ({ digest, same }) =>
    `baked image ${shortened(digest)} once more: ${same === true ? 'the same, it is reproducible' : 'another image, it is not reproducible'}`,
  'bake.done': ({ digest, changed }) => `baked image ${shortened(digest)}${changed === false ? ', unchanged' : ''}`,
  'bake.failed': ({ why }) => `bake failed: ${textOf(why)}`,
  'gate.done': ({ gate, verdict, why, digest }) =>
    `gate ${textOf(gate)} of image ${shortened(digest)}: ${textOf(verdict)} (${textOf(why)})`,
  'glass.broken': ({ by, reason, overruled, image }) =>
    `GLASS BROKEN by ${textOf(by)} for image ${shortened(image)}: ${textOf(reason)} (without ${listed(overruled)})`,
  'admission.refused': ({ by, image, refused }) => {
    const demands = Array.isArray(refused) ? refused.map((each) => textOf(objectOf(each)['demand'])) : [];
    return `image ${shortened(image)} refused, deployed by ${textOf(by)}: ${listed(demands)}`;
  },
  'evidence.attached': ({ digest, attached, signedBy }) => {
    const by = typeof signedBy === 'string' ? `signed by key ${signedBy.slice(0, 8)}` : 'unsigned';
    return `${counted(Array.isArray(attached) ? attached.length : 0, 'piece')} of evidence attached to image ${shortened(digest)}, ${by}`;
  },
  'image.tagged': ({ digest, tag }) => `image ${shortened(digest)} tagged ${textOf(tag)}`,
  'push.started': ({ digest, reference, by }) =>
    `push of image ${shortened(digest)} to ${textOf(reference)}, given by ${textOf(by)}`,
  'push.done': ({ digest, reference }) => `pushed image ${shortened(digest)} to ${textOf(reference)}`,
  'push.failed': ({ why }) => `push failed: ${textOf(why)}`,
  'pull.started': ({ reference, by }) => `pull of ${textOf(reference)}, given by ${textOf(by)}`,
  'pull.done': ({ digest, reference }) => `pulled image ${shortened(digest)} from ${textOf(reference)}`,
  'pull.failed': ({ why }) => `pull failed: ${textOf(why)}`,
  'registry.login': ({ registry, username, by }) => `login at ${textOf(registry)} as ${textOf(username)}, given by ${textOf(by)}`,
  'registry.logout': ({ registry, by }) => `logout from ${textOf(registry)}, given by ${textOf(by)}`,
  'index.rebuilding': ({ why }) => `the index of the images is written again: ${textOf(why)}`,
  'channel.set': ({ service, channel, image, how, by, why, overruled }) => {
    const glass = overruled === null || overruled === undefined ? '' : ` GLASS BROKEN (${textOf(overruled)})`;
    return `${textOf(service)}.${textOf(channel)} → image ${shortened(image)}, ${textOf(how)} by ${textOf(by)}${because(why)}${glass}`;
  },
  'channel.policy': ({ service, policies }) => `policy of ${textOf(service)}'s channels: ${JSON.stringify(policies)}`,
  'image.revoked': ({ image, by, why, through }) =>
    `image ${shortened(image)} revoked by ${textOf(by)}${because(why)}${through === null ? '' : `, with ${shortened(through)}`}`,
  'revocation.undone': ({ image, by, why }) => `REVOCATION UNDONE of image ${shortened(image)} by ${textOf(by)}${because(why)}`,
  'base.moved': ({ name, to }) => `base ${textOf(name)} means image ${shortened(to)} now`,
  'packages.moved': ({ service, packages }) => {
    const all = Array.isArray(packages) ? packages.map(objectOf) : [];
    const told = all.slice(0, 3).map(({ name, from, to }) => `${textOf(name)} ${textOf(from)} → ${textOf(to)}`);
    return all.length === 0
      ? `no newer packages for ${textOf(service)} any more`
      : `${counted(all.length, 'newer package')} for ${textOf(service)}: ${told.join(', ')}${all.length > 3 ? ', …' : ''}`;
  },
  'cascade.started': ({ steps, by }) =>
    `cascade over ${counted(Array.isArray(steps) ? steps.length : 0, 'image')}, given by ${textOf(by)}`,
  'cascade.step': ({ result }) => {
    const { key, outcome, why } = objectOf(result);
    return `cascade: ${textOf(key).split('\n')[1] ?? ''} ${textOf(outcome)}${because(why)}`;
  },
  'cascade.finished': () => 'cascade ended',
  'patch.started': ({ cve, images, fleets, by }) =>
    `patch of ${textOf(cve)}: ${counted(lengthOf(images), 'image')} and ${counted(lengthOf(fleets), 'fleet')} have it, given by ${textOf(by)}`,
  'patch.rolling': ({ fleet, release }) => `patch: ${textOf(fleet)} on its way to r${textOf(release)}`,
  'patch.fleet': ({ result }) => {
    const { fleet, outcome, why } = objectOf(result);
    return `patch: ${textOf(fleet)} ${textOf(outcome)}${because(why)}`;
  },
  'patch.finished': ({ left }) => `patch ended; ${counted(Number(left), 'instance')} left`,
  'waves.started': ({ services, environment, by }) =>
    `waves to ${textOf(environment)}: ${counted(lengthOf(services), 'service')}, given by ${textOf(by)}`,
  'waves.rolling': ({ fleet, release }) => `waves: ${textOf(fleet)} on its way to r${textOf(release)}`,
  'waves.ended': ({ result }) => {
    const { fleet, outcome, why } = objectOf(result);
    return `waves: ${textOf(fleet)} ${textOf(outcome)}${because(why)}`;
  },
  'waves.stopped': ({ why }) => `waves: the line has stopped${because(why)}`,
  'waves.finished': () => 'waves ended',
  'image.trashed': ({ image, tags }) =>
    `image ${shortened(image)} to the trash${because(Array.isArray(tags) ? tags.join(', ') : '')}`,
  'image.restored': ({ image, by }) => `image ${shortened(image)} put back by ${textOf(by)}`,
  'image.deleted': ({ image }) => `image ${shortened(image)} deleted from the trash`,
  'gc.started': ({ images, bytes: size }) =>
    `gc of ${counted(Array.isArray(images) ? images.length : 0, 'image')}, ${bytes(Number(size))}`,
  'release.made': ({ release }) => {
    const made = objectOf(release);
    const glass = made['brokenGlass'] === undefined ? '' : ', BY BREAK-GLASS';
    return `release r${textOf(made['number'])} made of image ${shortened(objectOf(made['content'])['image'])}${glass}`;
  },
  'size.set': ({ size, load }) => `${counted(Number(size), 'instance')} wanted${loadOf(objectOf(load))}`,
  'bounds.set': ({ min, max }) => `${textOf(min)} to ${textOf(max)} instances allowed`,
  'upkeep.set': ({ scale, maxAgeMs }) => upkeepOf(objectOf(scale), maxAgeMs),
  'scaling.held': ({ until }) =>
    `the size stays ${typeof until === 'number' ? `until ${moment(until)}` : 'until it is given back'}`,
  'recycle.started': ({ instance, ageMs }) => `${lastName(instance)} is ${duration(Number(ageMs))} old: another takes its place`,
  'recycle.ended': ({ instance, outcome }) =>
    outcome === 'replaced' ? `${lastName(instance)} is replaced` : `${lastName(instance)} stays: none became ready in its place`,
  'scaling.resumed': () => 'the size follows the load again',
  'rollout.started': ({ from, to, cause, reason }) => {
    const why = textOf(reason) === textOf(cause) ? textOf(cause) : `${textOf(cause)}: ${textOf(reason)}`;
    return `${named(from)} → ${named(to)} started (${why})`;
  },
  'image.ready': () => 'image ready',
  'rollout.progress': ({ ready, size }) => `${textOf(ready)} of ${textOf(size)} instances ready`,
  'canary.stepped': ({ step }) => `step ${Number(step) + 1} has its share`,
  'canary.judged': ({ step, verdict }) =>
    `judged at step ${Number(step) + 1}: ${textOf(objectOf(verdict)['verdict'])}, ${textOf(objectOf(verdict)['why'])}`,
  'canary.measured': ({ step, samples, unreadable }) => {
    const known = Object.entries(objectOf(samples)).map(([name, sample]) => {
      const { canary, baseline } = objectOf(sample);
      return `${name} ${figureOf(canary)} against ${figureOf(baseline)}`;
    });
    const failed = Object.entries(objectOf(unreadable)).map(([name, why]) => `${name} could not be read (${textOf(why)})`);
    return `measured at step ${Number(step) + 1}: ${[...known, ...failed].join(', ')}`;
  },
  'alarm.raised': ({ name, value, standing }) =>
    `the alarm ${textOf(name)} is raised${standing === true ? ', and was before the rollout' : ''}: ${figureOf(value)}`,
  'alarm.cleared': ({ name }) => `the alarm ${textOf(name)} is quiet again`,
  'canary.passed': ({ next, why }) => `step ${textOf(next)} passed (${textOf(why)})`,
  'task.started': ({ task }) => `task ${textOf(task)} begins`,
  'task.ended': ({ task, result, why }) => `task ${textOf(task)} ${textOf(result)}${because(why)}`,
  'checkpoint.reached': ({ number }) => `stands at checkpoint ${textOf(number)}`,
  'checkpoint.passed': ({ passed, why }) => `checkpoint ${textOf(passed)} passed (${textOf(why)})`,
  'rollout.paused': () => 'paused',
  'rollout.resumed': () => 'resumed',
  'rollout.attention': ({ reason }) => `a person is needed: ${textOf(reason)}`,
  'rollout.finished': ({ outcome }) => (outcome === 'done' ? 'rollout done' : 'rolled back'),
  'warm.expired': ({ release }) => `r${textOf(release)} no longer kept warm`,
  'fleet.stopped': () => 'the fleet is stopped',
  'fleet.started': () => 'the fleet is started again',
  'chaos.begun': ({ victims, seed, by, overruled }) => {
    const chosen = seed === null ? 'named' : `by seed ${textOf(seed)}`;
    const forced = lengthOf(overruled) === 0 ? '' : `, FORCED although ${listed(overruled)}`;
    return `EXPERIMENT of ${textOf(by)}: kills ${(Array.isArray(victims) ? victims : []).map(lastName).join(', ')} (${chosen})${forced}`;
  },
  'chaos.ended': ({ outcome, killed, tookMs }) =>
    outcome === 'spared'
      ? 'experiment ended: nothing was killed in time'
      : `experiment ended: ${counted(Number(killed), 'instance')} killed, ${outcome === 'whole' ? `whole again after ${duration(Number(tookMs))}` : `NOT WHOLE after ${duration(Number(tookMs))}`}`,
  'fleet.unattended': ({ ms }) => `no daemon ran for ${duration(Number(ms))}: deadlines are as much later`,
  'fleet.retiring': () => 'the fleet is being retired',
  'fleet.retired': () => 'the fleet is retired',
  'unexplained.retiring': ({ instances, by }) =>
    `what no history explains is retired: ${counted(Array.isArray(instances) ? instances.length : 0, 'instance')}, asked by ${textOf(by)}`,
  'group.sized': ({ group, size }) => `${lastName(group)}: ${textOf(size)} instances`,
  'group.deleted': ({ group }) => `${lastName(group)}: to be retired`,
  'group.gone': ({ group }) => `${lastName(group)}: gone`,
  'group.recovered': ({ group }) => `${lastName(group)}: well again`,
  'traffic.set': ({ weights, canary }) => `traffic: ${weightsOf(objectOf(weights))}${ruleOf(objectOf(canary))}`,
  'instance.retiring': ({ instance, why }) => `${lastName(instance)} retires: ${textOf(why)}`,
  'instance.evicting': ({ instance, sessions }) =>
    `${lastName(instance)}: its drain is over, ${counted(Number(sessions), 'connection')} left to close`,
  'instance.failed': ({ instance, why }) => `${lastName(instance)} failed: ${textOf(why)}`,
  'instance.killed': ({ instance, why }) => `${lastName(instance)} is ${textOf(why)}`,
  'instance.removed': ({ instance }) => `${lastName(instance)} gone`,
};

const figureOf = (value: unknown): string => (typeof value === 'number' ? String(Number(value.toPrecision(3))) : 'nothing');

export function describeEntry({ kind, data }: Pick<EntryBody, 'kind' | 'data'>): string {
  const words = WORDS[kind]?.(objectOf(data)) ?? `${kind} ${JSON.stringify(data)}`;
  return harmless(words);
}

/** What a size was set for, by itself. */
function loadOf({ kind, total, each, from }: Data): string {
  if (kind === undefined) return '';
  const unit = kind === 'cpu' ? ' % of CPU' : kind === 'requests' ? ' requests a second' : '';
  return ` instead of ${textOf(from)}: ${textOf(total)}${unit} for ${textOf(each)} each`;
}

function upkeepOf({ targets }: Data, maxAgeMs: unknown): string {
  const followed = (Array.isArray(targets) ? targets : []).map((target) => textOf(objectOf(target)['kind']));
  const size = followed.length === 0 ? 'the size is for people to set' : `the size follows ${followed.join(' and ')}`;
  return typeof maxAgeMs === 'number' ? `${size}; no instance gets older than ${duration(maxAgeMs)}` : size;
}

const objectOf = (value: unknown): Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Data) : {};

const textOf = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '?');

const lengthOf = (value: unknown): number => (Array.isArray(value) ? value.length : 0);

const because = (why: unknown): string => (typeof why === 'string' && why !== '' ? `: ${why}` : '');

const listed = (value: unknown): string => (Array.isArray(value) ? value.map(textOf).join(', ') : '?');

const shortened = (digest: unknown): string => textOf(digest).replace('sha256:', '').slice(0, 8);

/** What a step is done to, as far as it is a name or a number. */
const scalarsOf = (data: Data): string =>
  Object.values(data)
    .filter((value) => typeof value === 'string' || typeof value === 'number')
    .map((value) => ` ${value}`)
    .join('');

const named = (release: unknown): string => (release === null || release === undefined ? 'nothing' : `r${textOf(release)}`);

/** Within its fleet: `r7` of a group, `r7.k3f9x2` of an instance. */
const lastName = (id: unknown): string => textOf(id).split('.').slice(2).join('.');

/** What a canary has besides: "; r8: sticky by cookie, with the header x-canary". */
function ruleOf({ group, sticky, matches, mirror }: Data): string {
  if (group === undefined) return '';
  const matching = Array.isArray(matches)
    ? matches.map(objectOf).map((each) => `${textOf(each['in'])} ${textOf(each['name'])}`)
    : [];
  const parts = [
    ...(sticky === null ? [] : [`sticky by ${textOf(objectOf(sticky)['by'])}`]),
    ...matching.map((match) => `with the ${match}`),
    ...(mirror === 0 ? [] : [`a copy of ${share(Number(mirror))}`]),
  ];
  return `; ${lastName(group)}: ${parts.join(', ')}`;
}

function weightsOf(weights: Data): string {
  const shares = Object.entries(weights).map(([group, weight]) => `${lastName(group)} ${share(Number(weight))}`);
  return shares.length === 0 ? 'none' : shares.join(', ');
}
