import CircleCheck from '@lucide/svelte/icons/circle-check';
import CircleHelp from '@lucide/svelte/icons/circle-question-mark';
import CircleX from '@lucide/svelte/icons/circle-x';
import Hourglass from '@lucide/svelte/icons/hourglass';
import type { Schemas } from '$lib/api/types';
import type { State } from '$lib/components/states';

export type Wear = Schemas['TapeWear'];
export type HealthRow = Schemas['TapeHealth'];

export const CONDITIONS: Record<Schemas['TapeCondition'], State> = {
	unknown: { tone: 'idle', icon: CircleHelp, word: 'Not told' },
	good: { tone: 'good', icon: CircleCheck, word: 'Good' },
	worn: { tone: 'warning', icon: Hourglass, word: 'Worn' },
	failing: { tone: 'failed', icon: CircleX, word: 'Loses data' }
};

/** A time that a tape lay in a drive, with what happened in it and not in the tape's whole life. */
export interface Sitting {
	row: HealthRow;
	/** Bytes written in it; null: cannot be told. */
	written: number | null;
	read: number | null;
	/** What was written again behind bad spots, for each gigabyte written; null: not told, or nothing was written. */
	rewritesPerGb: number | null;
	/** Writes and reads that failed in it; null: cannot be told. */
	lost: number | null;
}

const GB = 1_000_000_000;

/** The sittings of one tape, oldest first, of the rows that the server tells newest first. */
export function sittings(rows: readonly HealthRow[]): Sitting[] {
	const oldestFirst = rows.toReversed();
	// A drive that tells less must not make the next one seem to have written everything.
	let before: { written: number | null; read: number | null; lost: number | null } = { written: null, read: null, lost: null };
	return oldestFirst.map((row, at) => {
		const told = { written: row.bytes_written ?? null, read: row.bytes_read ?? null, lost: lostOf(row) };
		const since = (now: number | null, then: number | null) => (now === null ? null : then === null ? (at === 0 && rows.length < MOST_ROWS ? now : null) : Math.max(0, now - then));
		const written = since(told.written, before.written);
		const sitting = {
			row,
			written,
			read: since(told.read, before.read),
			rewritesPerGb: row.rewrites !== null && row.rewrites !== undefined && written !== null && written > 0 ? row.rewrites / (written / GB) : null,
			lost: since(told.lost, before.lost)
		};
		before = { written: told.written ?? before.written, read: told.read ?? before.read, lost: told.lost ?? before.lost };
		return sitting;
	});
}

/** So many rows the server tells at most: with fewer, the first one is the tape's first. */
const MOST_ROWS = 200;

function lostOf(row: HealthRow): number | null {
	const told = [row.unrecovered_write_errors, row.unrecovered_read_errors].filter((count) => count !== null && count !== undefined);
	return told.length > 0 ? told.reduce((sum, count) => sum + count, 0) : null;
}

/** "4, 19" as words for hovering; empty for none. */
export function flagWords(flags: string): string {
	return flags ? `TapeAlert ${flags.split(',').join(', ')}` : '';
}

/** A small number with as many digits as say something. */
export function fraction(value: number): string {
	if (value === 0) return '0';
	if (value < 0.01) return '< 0.01';
	return value < 10 ? value.toFixed(2) : Math.round(value).toString();
}
