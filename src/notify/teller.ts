/** From entries of the journal to notices: a fold that knows of each fleet what its present rollout is. Pure. */
import { environmentOf, serviceOf, type FleetId } from '../domain/ids.ts';
import type { Task } from '../domain/task.ts';
import type { Entry } from '../store/journal.ts';
import type { Notice, NoticeKind } from './notice.ts';

/** What is read of the journal, and nothing else. */
export const TOLD_KINDS: ReadonlySet<string> = new Set([
  'release.made',
  'rollout.started',
  'rollout.finished',
  'rollout.attention',
  'task.started',
  'waves.started',
  'waves.stopped',
  'glass.broken',
]);

interface Made {
  readonly label: string;
  readonly image: string;
  /** Names of the tasks that wait for a person. */
  readonly approvals: readonly string[];
}

interface Known {
  readonly made: Made[];
  rollout: { readonly from: number | null; readonly to: number | null; readonly cause: string; readonly reason: string } | null;
}

type Data = Readonly<Record<string, unknown>>;

export class Teller {
  readonly #fleets = new Map<FleetId, Known>();
  readonly #waves = new Map<number, string>();

  /** In order. Null: nothing to tell. */
  take(entry: Entry): Notice | null {
    const data = entry.data as Data;
    if (entry.kind === 'waves.started') this.#waves.set(entry.seq, String(data['environment']));
    if (entry.kind === 'waves.stopped') return this.#lineStopped(entry, data);
    return entry.fleet === null ? null : this.#ofFleet(entry, entry.fleet, data);
  }

  #lineStopped({ seq, at }: Entry, { waves, why }: Data): Notice {
    const environment = this.#waves.get(Number(waves)) ?? '';
    const text = `waves to ${environment}: the line has stopped: ${String(why)}`;
    return {
      seq,
      at,
      kind: 'line-stopped',
      service: null,
      environment,
      text,
      facts: { waves: Number(waves), reason: String(why) },
    };
  }

  #ofFleet({ seq, at, kind }: Entry, fleet: FleetId, data: Data): Notice | null {
    const known = this.#fleets.get(fleet) ?? { made: [], rollout: null };
    this.#fleets.set(fleet, known);
    const notice = (told: NoticeKind, text: string, facts: Notice['facts'] = {}): Notice => {
      const { from = null, to = null, reason = '' } = known.rollout ?? {};
      const { label = '', image = null } = known.made[(to ?? 0) - 1] ?? {};
      const all = { release: to, from, image, label, reason, ...facts };
      return {
        seq,
        at,
        kind: told,
        service: serviceOf(fleet),
        environment: environmentOf(fleet),
        text: `${fleet}: ${text}`,
        facts: all,
      };
    };
    switch (kind) {
      case 'release.made':
        known.made.push(madeOf(data['release'] as Data));
        return null;
      case 'rollout.started':
        known.rollout = data as unknown as NonNullable<Known['rollout']>;
        return isAsked(known) ? notice('started', `${named(known.rollout.from)} → ${named(known.rollout.to)} has begun`) : null;
      case 'rollout.finished':
        return ended(known, String(data['outcome']), notice);
      case 'rollout.attention':
        return notice('attention', `a person is needed: ${String(data['reason'])}`, { reason: String(data['reason']) });
      case 'task.started':
        return isApproval(known, data) ? notice('approval', `r${Number(data['release'])} waits to be approved`) : null;
      case 'glass.broken':
        return notice('glass-broken', `glass broken by ${String(data['by'])}: ${String(data['reason'])}`, {
          by: String(data['by']),
        });
      default:
        return null;
    }
  }
}

function ended(
  { rollout, made }: Known,
  outcome: string,
  notice: (kind: NoticeKind, text: string, facts?: Notice['facts']) => Notice,
): Notice {
  const to = rollout?.to ?? null;
  const label = made[(to ?? 0) - 1]?.label ?? '';
  const serving = `${named(to)} serves${label === '' ? '' : ` (${label})`}`;
  if (outcome === 'done') return notice('done', serving, { outcome, serving: to });
  return notice('rolled-back', `rolled back (${rollout?.reason ?? 'no reason given'}); ${serving}`, { outcome, serving: to });
}

const isAsked = ({ rollout }: Known): boolean => rollout?.cause === 'deploy' || rollout?.cause === 'rollback';

const isApproval = ({ made }: Known, { release, task }: Data): boolean =>
  made[Number(release) - 1]?.approvals.includes(String(task)) ?? false;

const named = (release: number | null): string => (release === null ? 'nothing' : `r${release}`);

function madeOf(release: Data): Made {
  const content = release['content'] as { readonly image?: string; readonly replace?: { readonly tasks?: readonly Task[] } };
  const approvals = (content.replace?.tasks ?? []).filter(({ kind }) => kind === 'approval').map(({ name }) => name);
  return { label: typeof release['label'] === 'string' ? release['label'] : '', image: content.image ?? '', approvals };
}
