/**
 * Asks what bases mean now: the registries for their tags, the package mirrors for newer versions. What has changed since it was
 * last asked goes into the history, from which `kiln bases` answers.
 */
import { messageOf } from '../errors/error.ts';
import { imagesWithPackages, isTag } from '../lineage/bases.ts';
import { lineageEntry, type NewerPackage } from '../lineage/events.ts';
import { resolveReference } from '../oci/pull.ts';
import { isDamaged, readImage } from './damaged.ts';
import type { BaseCheck } from './last-check.ts';
import type { Parts } from './parts.ts';

type BaseEvent = BaseCheck['news'][number];

export async function checkBases(parts: Parts, signal: AbortSignal): Promise<BaseCheck> {
  const unanswered: string[] = [];
  const news = [...(await tagNews(parts, signal, unanswered)), ...(await packageNews(parts, signal, unanswered))];
  if (news.length > 0) parts.journal.append(news.map(lineageEntry));
  return { at: parts.clock.now(), unanswered, news };
}

async function tagNews({ lineage, registries }: Parts, signal: AbortSignal, unanswered: string[]): Promise<readonly BaseEvent[]> {
  const { state } = lineage;
  const builtOn = [...state.lines.values()].flatMap(({ image }) => state.builtOn.get(image) ?? []);
  const names = [...new Set(builtOn.map(({ name }) => name).filter(isTag))];
  if (names.length === 0) return [];
  const options = { ...(await registries.options(signal)), signal };
  const answers = await Promise.all(
    names.map(async (name): Promise<readonly BaseEvent[]> => {
      try {
        const { digest: to } = await resolveReference(name, options);
        return state.tags.get(name) === to ? [] : [{ kind: 'base.moved', name, to }];
      } catch {
        signal.throwIfAborted();
        unanswered.push(name);
        return [];
      }
    }),
  );
  return answers.flat();
}

async function packageNews(parts: Parts, signal: AbortSignal, unanswered: string[]): Promise<readonly BaseEvent[]> {
  const { lineage, images } = parts;
  const newerPackages = parts.newerPackages(signal);
  const news: BaseEvent[] = [];
  for (const [image, service] of imagesWithPackages(lineage.state)) {
    const read = await readImage(images, image);
    if (isDamaged(read)) continue;
    try {
      const packages = (await newerPackages(read)) ?? [];
      if (isSame(packages, lineage.state.newer.get(image) ?? [])) continue;
      news.push({ kind: 'packages.moved', service, image, packages });
    } catch (error) {
      signal.throwIfAborted();
      unanswered.push(`the packages of ${service}: ${messageOf(error)}`);
    }
  }
  return news;
}

const isSame = (a: readonly NewerPackage[], b: readonly NewerPackage[]): boolean => JSON.stringify(a) === JSON.stringify(b);
