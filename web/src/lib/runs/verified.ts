/** What reading a set back found out. */
export interface VerifiedSet {
	backup_set_id: number;
	files: number;
	bytes: number;
	/** Pieces of files that are cut over several tapes. */
	pieces: number;
	/** Those of them that could be read, but not be compared. */
	pieces_not_compared: number;
	/** Files of version 1 of which only the size is known. */
	without_checksum: number;
	error_count: number;
	errors: string[];
	/** Label of the tape, where one tape was looked at alone. */
	tape: string | null;
}

const NUMBERS = ['backup_set_id', 'files', 'bytes', 'error_count'] as const;

/** The sets of the result of a verification or a scrub; nothing if it is the result of something else. */
export function readVerified(value: unknown): VerifiedSet[] {
	const result = record(value);
	if (!result) return [];
	const direct = list(result.sets).map((set) => readSet(set, null));
	const byTape = list(result.tapes).flatMap((tape) => {
		const known = record(tape);
		const label = typeof known?.label === 'string' ? known.label : null;
		return list(known?.sets).map((set) => readSet(set, label));
	});
	return [...direct, ...byTape].filter((set) => set !== null);
}

function readSet(value: unknown, tape: string | null): VerifiedSet | null {
	const set = record(value);
	if (!set || !NUMBERS.every((name) => typeof set[name] === 'number')) return null;
	const number = (name: string) => (typeof set[name] === 'number' ? set[name] : 0);
	return {
		backup_set_id: number('backup_set_id'),
		files: number('files'),
		bytes: number('bytes'),
		pieces: number('pieces'),
		pieces_not_compared: number('pieces_not_compared'),
		without_checksum: number('without_checksum'),
		error_count: number('error_count'),
		errors: list(set.errors).filter((error) => typeof error === 'string'),
		tape
	};
}

function record(value: unknown): Record<string, unknown> | null {
	return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
}

function list(value: unknown): unknown[] {
	return Array.isArray(value) ? value : [];
}

/** Pieces of all sets that could not be compared. */
export function notCompared(sets: readonly VerifiedSet[]): number {
	return sets.reduce((sum, set) => sum + set.pieces_not_compared, 0);
}
