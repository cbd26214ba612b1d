import type { BackupSet } from '$lib/api/types';

type Known = Pick<BackupSet, 'id' | 'uuid' | 'copy_of' | 'parent_set_id' | 'status' | 'lost_tapes'>;

/** What a tape would take with it. */
export interface Loss {
	/** Sets that could not be restored in full any more, also those on other tapes that build on one. */
	lost: number[];
	/** Sets on the tape that other tapes have too. */
	copied: number[];
}

/**
 * What is lost with a tape that has parts of the sets `on`, by the same rule as the server's: a set survives if one with the
 * same content touches no lost tape, and what builds on a lost one is lost. `sets` are those of the same jobs.
 */
export function lossOf(on: readonly number[], sets: readonly Known[]): Loss {
	const whole = sets.filter((set) => set.status === 'completed');
	const touched = new Set([...on, ...whole.filter((set) => set.lost_tapes.length > 0).map((set) => set.id)]);
	const survives = new Set(whole.filter((set) => !touched.has(set.id)).map(content));
	const gone = closure(whole, (set) => touched.has(set.id) && !survives.has(content(set)));
	const before = closure(whole, (set) => set.lost_tapes.length > 0 && !whole.some((other) => other.lost_tapes.length === 0 && content(other) === content(set)));
	return {
		lost: [...gone].filter((id) => !before.has(id)),
		copied: whole.filter((set) => on.includes(set.id) && !gone.has(set.id)).map((set) => set.id)
	};
}

/** Sets with the same content have the name of the original in common. */
const content = (set: Known) => set.copy_of ?? set.uuid;

/** Those that `is` says, and all that build on them. */
function closure(sets: readonly Known[], is: (set: Known) => boolean): Set<number> {
	const found = new Set(sets.filter(is).map((set) => set.id));
	for (let before = -1; before !== found.size; ) {
		before = found.size;
		for (const set of sets) if (set.parent_set_id && found.has(set.parent_set_id)) found.add(set.id);
	}
	return found;
}

/** Why a set cannot be restored in full, in a sentence; nothing if it can. */
export function whyLost(set: Pick<BackupSet, 'lost' | 'lost_tapes'>): string {
	if (!set.lost) return '';
	return set.lost_tapes.length > 0 ? `It cannot be restored in full: parts of it are on ${set.lost_tapes.join(', ')}.` : 'It cannot be restored in full: a set that it builds on is lost.';
}
