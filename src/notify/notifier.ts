/**
 * Brings notices to receivers, each at its own pace: a cursor over the journal for each, kept on disk after every notice, so
 * that a daemon that is killed tells what is left, and what it told last perhaps twice under the same id. Nothing waits for it.
 */
import { join } from 'node:path';

import { KilnError } from '../errors/error.ts';
import { readIfThere, writeFileAtomic } from '../platform/files.ts';
import type { Journal } from '../store/journal.ts';
import type { Notice } from './notice.ts';
import type { Answer } from './post.ts';
import { send, type SendParts } from './send.ts';
import { readNotifications, wants, type Receiver, type Receivers } from './settings.ts';
import { Teller, TOLD_KINDS } from './teller.ts';

export interface NotifierParts extends SendParts {
  readonly journal: Journal;
  /** KILN_HOME. */
  readonly home: string;
  readonly stopping: AbortSignal;
  readonly warn: (what: string) => void;
}

/** After a failed attempt: a second, doubled each time up to five minutes. */
const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 300_000;
/** A notice that nobody took within a day is news no more. */
const GIVE_UP_MS = 86_400_000;
/** Settings may come or change without an entry of the journal. */
const LOOK_MS = 2_000;

export interface ReceiverState {
  /** Notices that it has yet to take. */
  readonly waiting: number;
  /** Why the last attempt failed; null: it did not. */
  readonly trouble: string | null;
}

export class Notifier {
  readonly #parts: NotifierParts;
  readonly #teller = new Teller();
  /** Those that some receiver has yet to take or pass by. */
  #notices: Notice[] = [];
  #read = 0;
  #cursors = new Map<string, number>();
  readonly #draining = new Set<string>();
  readonly #troubles = new Map<string, string>();
  #settingsTrouble: KilnError | null = null;

  constructor(parts: NotifierParts) {
    this.#parts = parts;
  }

  /** What keeps the settings from being read; null: nothing does. */
  get settingsTrouble(): KilnError | null {
    return this.#settingsTrouble;
  }

  async receivers(): Promise<Receivers> {
    return readNotifications(this.#parts.home);
  }

  stateOf(name: string, receiver: Receiver): ReceiverState {
    return { waiting: this.#left(name, receiver).length, trouble: this.#troubles.get(name) ?? null };
  }

  /** A notice of nothing, once. */
  test(receiver: Receiver, signal: AbortSignal): Promise<Answer> {
    const { clock } = this.#parts;
    const text = 'this is a test: notices of Kiln arrive here';
    const notice = {
      seq: clock.now(),
      at: clock.now(),
      kind: 'started',
      service: null,
      environment: '',
      text,
      facts: {},
    } as const;
    return send(this.#parts, receiver, notice, signal);
  }

  /** Until the daemon stops. */
  async run(): Promise<void> {
    const { clock, stopping, warn } = this.#parts;
    this.#cursors = await this.#loadCursors();
    // What happened before anybody was to be told of it is no news.
    let since = this.#newest();
    while (!stopping.aborted) {
      try {
        since = await this.#look(since);
      } catch (error) {
        warn(`notifications: ${error instanceof Error ? error.message : String(error)}`);
      }
      await clock.sleep(LOOK_MS, stopping).catch(() => {});
    }
  }

  async #look(since: number): Promise<number> {
    const receivers = await this.#settings();
    const names = Object.keys(receivers);
    const newest = this.#newest();
    const come = names.filter((name) => !this.#cursors.has(name));
    const gone = [...this.#cursors.keys()].filter((name) => this.#settingsTrouble === null && !names.includes(name));
    for (const name of come) this.#cursors.set(name, since);
    for (const name of gone) this.#cursors.delete(name);
    if (come.length + gone.length > 0) await this.#saveCursors();
    if (names.length > 0) this.#catchUp(newest);
    for (const name of names) this.#drainSoon(name);
    return newest;
  }

  async #settings(): Promise<Receivers> {
    try {
      const receivers = await this.receivers();
      this.#settingsTrouble = null;
      return receivers;
    } catch (error) {
      if (!(error instanceof KilnError)) throw error;
      this.#settingsTrouble = error;
      return {};
    }
  }

  /** The fold begins at the beginning: a rollout that ends now may have begun before anybody was told anything. */
  #catchUp(newest: number): void {
    const oldest = Math.min(...this.#cursors.values());
    for (const entry of this.#parts.journal.read({ kinds: TOLD_KINDS, after: this.#read })) {
      const notice = this.#teller.take(entry);
      if (notice !== null && notice.seq > oldest) this.#notices.push(notice);
      this.#read = entry.seq;
    }
    this.#read = Math.max(this.#read, newest);
    this.#notices = this.#notices.filter(({ seq }) => seq > oldest);
  }

  #left(name: string, receiver: Receiver): readonly Notice[] {
    const cursor = this.#cursors.get(name) ?? Infinity;
    return this.#notices.filter((notice) => notice.seq > cursor && wants(receiver, notice));
  }

  #drainSoon(name: string): void {
    if (this.#draining.has(name)) return;
    this.#draining.add(name);
    this.#drain(name)
      .catch((error: unknown) => {
        if (!this.#parts.stopping.aborted) this.#parts.warn(`notifications to ${name}: ${String(error)}`);
      })
      .finally(() => this.#draining.delete(name));
  }

  /** One after the other, so that they arrive in order. Settings are read for each attempt: mended ones count at once. */
  async #drain(name: string): Promise<void> {
    for (let waitMs = FIRST_WAIT_MS; ;) {
      const receiver = (await this.#settings())[name];
      if (receiver === undefined) return;
      const [notice] = this.#left(name, receiver);
      if (notice === undefined) return this.#passBy(name);
      const answer = await this.#attempt(name, receiver, notice);
      if (answer.kind !== 'later') {
        await this.#taken(name, notice);
        waitMs = FIRST_WAIT_MS;
        continue;
      }
      await this.#parts.clock.sleep(waitMs, this.#parts.stopping);
      waitMs = Math.min(2 * waitMs, MAX_WAIT_MS);
    }
  }

  async #attempt(name: string, receiver: Receiver, notice: Notice): Promise<Answer> {
    const { clock, stopping, warn } = this.#parts;
    const answer = await send(this.#parts, receiver, notice, stopping);
    if (answer.kind === 'taken') {
      this.#troubles.delete(name);
      return answer;
    }
    this.#troubles.set(name, answer.why);
    const isOld = clock.now() - notice.at > GIVE_UP_MS;
    if (answer.kind === 'later' && !isOld) return answer;
    warn(`notifications: ${name} did not take the notice of entry ${notice.seq}: ${answer.why}`);
    return { kind: 'refused', why: answer.why };
  }

  /** What it does not want need not be looked at again. */
  async #passBy(name: string): Promise<void> {
    if ((this.#cursors.get(name) ?? 0) < this.#read) await this.#moveTo(name, this.#read);
  }

  #taken(name: string, { seq }: Notice): Promise<void> {
    return this.#moveTo(name, seq);
  }

  async #moveTo(name: string, seq: number): Promise<void> {
    if (!this.#cursors.has(name)) return;
    this.#cursors.set(name, seq);
    await this.#saveCursors();
  }

  #newest(): number {
    return this.#parts.journal.newest({ limit: 1 })[0]?.seq ?? 0;
  }

  get #file(): string {
    return join(this.#parts.home, 'notified.json');
  }

  async #loadCursors(): Promise<Map<string, number>> {
    const text = await readIfThere(this.#file).catch(() => null);
    try {
      const read = JSON.parse(text ?? '{}') as Readonly<Record<string, unknown>>;
      return new Map(Object.entries(read).filter((each): each is [string, number] => typeof each[1] === 'number'));
    } catch {
      return new Map();
    }
  }

  #saveCursors(): Promise<void> {
    return writeFileAtomic(this.#file, `${JSON.stringify(Object.fromEntries(this.#cursors))}\n`);
  }
}
