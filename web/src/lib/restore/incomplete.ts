import type { Schemas } from '$lib/api/types';

/** What is known of the parts of a set that is incomplete. */
export interface Parts {
	/** Numbers of the parts that are there, with the labels of their tapes. */
	there: { number: number; tape: string }[];
	/** Numbers of those that are not; also the last known one if the number of parts is not known. */
	missing: number[];
	/** How many there should be; null: that is not known. */
	expected: number | null;
}

/** Which parts of a set are there, and which are missing. */
export function partsOf(set: Pick<Schemas['SetDetail'], 'parts' | 'parts_expected'>): Parts {
	const there = set.parts.map((part) => ({ number: part.part_number, tape: part.tape_label })).toSorted((a, b) => a.number - b.number);
	const expected = set.parts_expected ?? null;
	const last = Math.max(expected ?? 0, ...there.map((part) => part.number));
	const numbers = new Set(there.map((part) => part.number));
	const missing = Array.from({ length: last }, (_, at) => at + 1).filter((number) => !numbers.has(number));
	return { there, missing, expected };
}

/** "2", "2 and 3", "2, 3 and 5". */
export function listed(words: readonly (string | number)[]): string {
	if (words.length < 2) return String(words[0] ?? '');
	return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
