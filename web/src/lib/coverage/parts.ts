import type { Schemas } from '$lib/api/types';

type Part = { id: 'none' | 'one' | 'more'; word: string };

/** Files by how many tapes have them, the worst first. */
export const PARTS: Part[] = [
	{ id: 'none', word: 'On no good tape' },
	{ id: 'one', word: 'On one tape' },
	{ id: 'more', word: 'On two or more' }
];

/** Of how many days an old backup is. */
export const OLD_AFTER_DAYS = [1, 7, 30, 90];

const DAY_MS = 24 * 3600 * 1000;

/** Whether a source was never backed up, or not for so many days. */
export function isOld(source: Pick<Schemas['SourceCoverage'], 'last_backup_at'>, days: number, now: Date): boolean {
	return !source.last_backup_at || now.getTime() - new Date(source.last_backup_at).getTime() > days * DAY_MS;
}

/** Whether a tape is lost: of tapes in this view the server says so only in the words why they are held back. */
export function isLost(tape: Pick<Schemas['TapeInView'], 'hold_reason'>): boolean {
	return /^lost since \d{4}-\d{2}-\d{2}/.test(tape.hold_reason ?? '');
}

export type Fate = Schemas['PreviewTape'];
