/** One at a time, in the order of asking, for work that shares a place on disk. Within this process. */
const turns = new Map<string, Promise<unknown>>();

export function inTurn<T>(place: string, work: () => Promise<T>): Promise<T> {
  const turn = (turns.get(place) ?? Promise.resolve()).then(work, work);
  turns.set(
    place,
    turn.catch(() => {}),
  );
  return turn;
}
